// SPDX-License-Identifier: Apache-2.0

/// The fleet's store, who leads, and what is on its way to this host.
struct FleetChecks {
    let facts: Facts

    var findings: [Finding] {
        secrets + (facts.fleet.map { store($0) + lease($0) + leader($0) + view($0) } ?? []) + discovery
    }

    // MARK: What it is asked with

    private var secrets: [Finding] {
        let bad = facts.secrets.compactMap { secret in
            secret.trouble.map {
                Finding(
                    .credentials, .failure, secret.path, $0, remedy: secret.remedy.isEmpty ? [] : [secret.remedy])
            }
        }
        guard bad.isEmpty, !facts.secrets.isEmpty else { return bad }
        return [
            Finding(
                .credentials, .ok, "credentials",
                "\(Words.count(facts.secrets.count, "file")) there, and not for everybody to read")
        ]
    }

    // MARK: The store

    private func store(_ fleet: Facts.Fleet) -> [Finding] {
        switch fleet.store {
        case .answers(let look): [answer(look, fleet)] + look.problems.map { problem($0, fleet) } + sentinel(fleet)
        case .silent(let cause):
            [
                Finding(
                    .store, .failure, fleet.place,
                    "\(cause): hosts go on with what they have, and nothing new reaches them",
                    remedy: ["is it up, and the way to it open?  \(fleet.probe)"])
            ]
        // A file of ours that is at fault is a finding of its own.
        case .refuses(let cause) where facts.secrets.contains { $0.trouble != nil && cause.contains($0.path) }: []
        case .refuses(let cause):
            [
                Finding(
                    .store, .failure, fleet.place, "\(cause): hosts go on with what they have",
                    remedy: ["mend 'coordination' in sluiced.yaml or what it names; then  systemctl restart sluiced"])
            ]
        case .empty:
            [
                Finding(
                    .store, .failure, fleet.place, "is empty: nobody leads, and hosts go on with what they have",
                    remedy: [
                        "the fleet is new:    sluicectl store restore --new",
                        "the store was lost:  sluicectl store restore --from HOST   (on that host)",
                    ])
            ]
        }
    }

    private func answer(_ look: Facts.StoreLook, _ fleet: Facts.Fleet) -> Finding {
        let version = look.version.map { ", version \($0)" } ?? ""
        let size = look.bytes.map { ", \(Words.bytes($0))" } ?? ""
        return Finding(
            .store, .ok, fleet.place,
            "answers in \(Self.text(look.took)), store of \(look.identity)\(version)\(size)")
    }

    /// What the store says of itself has its remedy after the last colon.
    private func problem(_ text: String, _ fleet: Facts.Fleet) -> Finding {
        let parts = text.split(separator: ": ").map(String.init)
        let remedy = parts.count > 1 ? [parts[parts.count - 1]] : []
        let words = parts.count > 1 ? parts.dropLast().joined(separator: ": ") : text
        let level: Finding.Level = text.contains("nobody can lead") ? .failure : .warning
        return Finding(.store, level, fleet.place, words, remedy: remedy)
    }

    private func sentinel(_ fleet: Facts.Fleet) -> [Finding] {
        guard fleet.kind == .sentinel else { return [] }
        return [
            Finding(
                .store, .note, fleet.place,
                "while Sentinel fails over, two hosts may lead for some seconds: hosts never go back, forks are counted "
                    + "and heal by themselves")
        ]
    }

    // MARK: Who leads

    private func lease(_ fleet: Facts.Fleet) -> [Finding] {
        let times = [fleet.lease, fleet.renew, fleet.retry].map(Self.text)
        guard fleet.lease > fleet.renew, fleet.renew * 5 > fleet.retry * 6 else {
            return [
                Finding(
                    .lease, .failure, "lease \(times[0])",
                    "renew \(times[1]) and retry \(times[2]) do not fit: lease > renew > 1.2 x retry is needed",
                    remedy: ["coordination: { lease: 15s, renew: 10s, retry: 2s }"])
            ]
        }
        if case .answers(let look) = fleet.store, look.took > fleet.retry {
            return [
                Finding(
                    .lease, .warning, "lease \(times[0])",
                    "the store took \(Self.text(look.took)) to answer, and a leader asks every \(times[2]): it may lose "
                        + "the lease for nothing",
                    remedy: ["a longer one:  coordination: { lease: 15s }   or a store that is nearer"])
            ]
        }
        return [
            Finding(
                .lease, .ok, "lease \(times[0])",
                "renewed every \(times[2]); a leader that cannot for \(times[1]) steps down")
        ]
    }

    private func leader(_ fleet: Facts.Fleet) -> [Finding] {
        guard case .answers(let look) = fleet.store else { return [] }
        let role = fleet.isCandidate ? [] : ["this host never leads:  coordination: { candidate: true }  would let it"]
        guard let leader = look.leader else {
            return [
                Finding(
                    .leader, .failure, "leader",
                    "nobody leads: hosts go on with what they have, nothing new is published",
                    remedy: ["on hosts that may lead:  systemctl status sluiced; journalctl -u sluiced -n 50"] + role)
            ]
        }
        return [Finding(.leader, .ok, "leader", "\(leader) leads, epoch \(look.epoch)")]
    }

    // MARK: What is on its way

    private func view(_ fleet: Facts.Fleet) -> [Finding] {
        guard let view = fleet.daemon else { return [] }
        return [lag(view)].compactMap(\.self)
            + (view.hasDesired
                ? []
                : [
                    Finding(
                        .fleet, .note, "fleet", "no services document was applied yet",
                        remedy: ["sluicectl apply services.yaml"])
                ])
            + view.silent.map {
                Finding(
                    .fleet, .warning, $0, "is silent: its sluiced does not reach the store, or does not run",
                    remedy: [
                        "on it:  sluicectl doctor;  systemctl status sluiced",
                        "gone for good:  sluicectl host forget \($0)",
                    ])
            }
            + (view.frozen.map {
                [
                    Finding(
                        .fleet, .warning, "fleet", "is frozen \($0): nothing is published",
                        remedy: [FrozenFleet.remedy($0)])
                ]
            } ?? [])
            + (view.trial.map {
                [
                    Finding(
                        .fleet, .note, "fleet", "a change waits for its confirmation \($0)",
                        remedy: ["sluicectl confirm   or   sluicectl rollback"])
                ]
            } ?? []) + view.held.map(held)
    }

    private func lag(_ view: Facts.View) -> Finding? {
        guard let behind = view.behind else { return nil }
        guard behind > 0 else { return Finding(.fleet, .ok, "this host", "has what is published") }
        return Finding(
            .fleet, .warning, "this host", "is \(Words.count(Int(clamping: behind), "generation")) behind",
            remedy: ["journalctl -u sluiced -n 50   (says what stands in the way), then  sluicectl map verify"])
    }

    private func held(_ text: String) -> Finding {
        let isDiscovery = text.hasPrefix("discovery of ") || text.contains("no answer about its instances")
        return Finding(
            isDiscovery ? .discovery : .fleet, .warning, isDiscovery ? "discovery" : "held back", text,
            remedy: isDiscovery
                ? ["the last good answer stays in use; on the leader:  sluicectl doctor"]
                : ["if it is meant, loosen the service's brake:  brake: { min-active: N, max-removed: P% },  and apply"]
        )
    }

    private var discovery: [Finding] {
        guard let discovery = facts.discovery else { return [] }
        guard let trouble = discovery.trouble else {
            let age = facts.fleet?.daemon?.oldestAnswer.map { "; the oldest answer in use is \($0) s old" } ?? ""
            return [Finding(.discovery, .ok, "discovery", "\(discovery.place) answers\(age)")]
        }
        let isConsul = discovery.place.hasPrefix("http")
        return [
            Finding(
                .discovery, .failure, "discovery",
                "\(discovery.place): \(trouble): instances stay as they were read last",
                remedy: [isConsul ? "curl -s \(discovery.place)/v1/status/leader" : "ls -l \(discovery.place)"])
        ]
    }

    private static func text(_ time: Duration) -> String {
        let milliseconds = Int64(time / .milliseconds(1))
        return milliseconds >= 1000 && milliseconds % 1000 == 0 ? "\(milliseconds / 1000) s" : "\(milliseconds) ms"
    }
}

extension Facts.Fleet {
    /// Whether what is wrong with the store is behind a problem of the daemon.
    func explains(_ problem: String) -> Bool {
        if case .answers = store { return false }
        return problem.contains(place)
    }

    /// What a person asks the store with.
    fileprivate var probe: String {
        let address = place.split(separator: " ").last.map(String.init) ?? place
        let parts = address.split(separator: ":")
        return switch kind {
        case .etcd: "etcdctl --endpoints=\(address) endpoint health"
        case .redis, .sentinel: "redis-cli -h \(parts.dropLast().joined(separator: ":")) -p \(parts.last ?? "") ping"
        case .consul: "curl -s \(address)/v1/status/leader"
        }
    }
}

/// How a fleet goes on that publishes nothing.
public enum FrozenFleet {
    /// - Parameter frozen: by whom and why; a rollout that nobody can read was frozen by nobody.
    public static func remedy(_ frozen: String) -> String {
        frozen.hasPrefix("by nobody") ? "sluicectl rollback" : "sluicectl thaw"
    }
}
