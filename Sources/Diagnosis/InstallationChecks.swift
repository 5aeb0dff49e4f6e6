// SPDX-License-Identifier: Apache-2.0

/// What Sluice has on this host: documents, pins, state, daemon.
struct InstallationChecks {
    let facts: Facts

    var configuration: [Finding] {
        facts.configurationProblems.map { Finding(.configuration, .failure, "configuration", $0) }
    }

    var findings: [Finding] { pins + directories + daemon + generation }

    // MARK: Pins

    private var pins: [Finding] {
        guard facts.isRoot else { return [] }
        switch facts.pins {
        case .unknown(let cause): return [Finding(.pins, .warning, "pins", "could not be read: \(cause)")]
        case .known(let pins) where !pins.isMounted: return [notMounted(pins)]
        case .known(let pins):
            guard let program = pins.program else {
                return [Finding(.pins, .ok, "pins", "none below \(pins.root): sluiced has not run here yet")]
            }
            return maps(pins, program) + pins.links.compactMap { stale($0, pins, program) }
        }
    }

    private func notMounted(_ pins: Facts.Pins) -> Finding {
        Finding(
            .bpffs, facts.daemon.status == nil ? .warning : .failure, "bpffs",
            "\(pins.root) lies on none: program and maps cannot be pinned there, or are not seen from here",
            remedy: [
                "mount -t bpf bpf /sys/fs/bpf",
                "`ip netns exec` hides it; use  nsenter --net=/run/netns/NAME sluicectl doctor",
            ])
    }

    private func maps(_ pins: Facts.Pins, _ program: Facts.Pins.Program) -> [Finding] {
        guard pins.missingMaps.isEmpty else {
            return [
                Finding(
                    .pins, .failure, "pins",
                    "program \(program.name) is there, and of its maps are missing: "
                        + pins.missingMaps.joined(separator: ", "),
                    remedy: ["sluicectl uninstall && systemctl restart sluiced   (packets pass by meanwhile)"])
            ]
        }
        let parts = [
            Words.count(pins.maps.count, "map"), Words.count(pins.links.count { $0.index != 0 }, "attached interface"),
        ]
        let kind = program.isPrebuilt ? "prebuilt program" : "program"
        return [
            Finding(.pins, .ok, "pins", "\(kind) \(program.name), \(parts.joined(separator: ", ")) below \(pins.root)")
        ]
    }

    /// A link that holds nothing, an interface that nobody named, or another program than it should.
    private func stale(_ link: Facts.Pins.Link, _ pins: Facts.Pins, _ program: Facts.Pins.Program) -> Finding? {
        let interface = facts.interfaces.value?.first { $0.name == link.interface }
        let remove = "rm \(pins.root)/\(link.path)"
        func finding(_ level: Finding.Level, _ text: String, _ remedy: String) -> Finding {
            Finding(.pins, level, link.interface, text, remedy: [remedy])
        }
        let restart = "systemctl restart sluiced"
        switch (interface?.link, link.index) {
        case (nil, 0):
            return finding(.warning, "its link is pinned, and the interface is gone", remove)
        case (let present?, let index) where index != present.index:
            return finding(
                .failure, "went away and came back, and the program is off it: its packets are not steered", restart)
        case (nil, _) where interface == nil && facts.interfaces.value != nil && facts.configurationProblems.isEmpty:
            return finding(
                .warning, "runs the program, and the configuration does not name it",
                "\(remove)   (takes the program off), or name it in interfaces:")
        default: break
        }
        guard link.programID != program.id else { return nil }
        return finding(.warning, "runs program id \(link.programID), and \(program.id) is pinned", restart)
    }

    // MARK: State

    private var directories: [Finding] {
        let problems = facts.stateProblems.map { Finding(.state, .failure, "state", $0) }
        let found = facts.directories.compactMap(problem)
        if problems.isEmpty, found.isEmpty, let state = facts.directories.first {
            return [
                Finding(.state, .ok, "state", "\(state.path) can be written to, \(Words.bytes(state.freeBytes)) free")
            ]
        }
        return problems + found
    }

    private static let scarce: UInt64 = 64 << 20
    private static let none: UInt64 = 4 << 20
    private static let scarceFiles: UInt64 = 1000

    private func problem(_ directory: Facts.Directory) -> Finding? {
        guard directory.exists else {
            return Finding(
                .state, .note, directory.path, "is not there: sluiced makes it when it starts")
        }
        if let refusal = directory.refusal {
            return Finding(
                .state, facts.isRoot ? .failure : .note, directory.path, "cannot be written to: \(refusal)",
                remedy: facts.isRoot
                    ? ["mount -o remount,rw on its file system, or another folder in directories:"] : [])
        }
        if directory.freeBytes < Self.scarce {
            return Finding(
                .state, directory.freeBytes < Self.none ? .failure : .warning, directory.path,
                "\(Words.bytes(directory.freeBytes)) free: a generation that cannot be written is not applied",
                remedy: ["df -h \(directory.path)"])
        }
        if let files = directory.freeFiles, files < Self.scarceFiles {
            return Finding(
                .state, .warning, directory.path, "its file system takes only \(files) more files",
                remedy: ["df -i \(directory.path)"])
        }
        return nil
    }
}

extension InstallationChecks {
    private var isInForce: Bool { facts.pins.value?.program != nil }

    private var daemon: [Finding] {
        switch facts.daemon {
        case .refuses(let cause): return [Finding(.daemon, .warning, "sluiced", cause)]
        case .silent(let cause) where isInForce || facts.accepted != nil:
            let meanwhile =
                isInForce
                ? "packets are steered by the pins, but no probe runs and no change is applied"
                : "nothing is steered"
            return [
                Finding(
                    .daemon, .failure, "sluiced", "\(cause): \(meanwhile)",
                    remedy: ["systemctl start sluiced; journalctl -u sluiced -n 50"])
            ]
        case .silent:
            return [
                Finding(
                    .daemon, .note, "sluiced", "does not run, and has never run here",
                    remedy: ["systemctl enable --now sluiced"])
            ]
        case .runs(let status): return status.findings(beside: facts.fleet)
        }
    }

    private var generation: [Finding] {
        guard let status = facts.daemon.status, let accepted = facts.accepted else { return [] }
        if status.applied == accepted {
            return [Finding(.generation, .ok, "generation \(accepted)", "accepted and applied")]
        }
        let applied = status.applied.map { "\($0) is what the kernel does" } ?? "nothing is applied"
        return [
            Finding(
                .generation, .failure, "generation \(accepted)", "accepted, but \(applied)",
                remedy: ["journalctl -u sluiced -n 50   (says what stands in the way), then  sluicectl map verify"])
        ]
    }
}

extension Facts.Daemon.Status {
    /// - Parameter fleet: what stands in the way of its store is a finding of its own, however many parts complain.
    fileprivate func findings(beside fleet: Facts.Fleet?) -> [Finding] {
        let others = problems.filter { !(fleet?.explains($0) ?? false) }
        let told = others.enumerated().filter { others.firstIndex(of: $1) == $0 }.map(\.element)
        return [Finding(.daemon, .ok, "sluiced", "version \(version) runs as process \(processID)")]
            + told.map { Finding(.daemon, .failure, "sluiced", $0) }
            + warnings.map { Finding(.daemon, .warning, "sluiced", $0) }
            + isolated.map {
                Finding(
                    .daemon, .warning, $0,
                    "its brake holds back what probes see down: so many at once look like a fault of this host",
                    remedy: ["sluicectl backend list \($0)"])
            }
    }
}
