// SPDX-License-Identifier: Apache-2.0

import Diagnosis
import Testing

@Suite struct `Of a fleet, a diagnosis` {
    private static let place = "etcd at http://10.0.0.1:2379"

    /// A sound host of a fleet on which nothing is wrong.
    private static func member(_ facts: inout Facts, _ change: (inout Facts.Fleet, inout Facts.StoreLook) -> Void) {
        var look = Facts.StoreLook(
            identity: "fleet north", version: "3.4.23", bytes: 1_200_000, leader: "edge2", epoch: 7,
            took: .milliseconds(2))
        var view = Facts.View()
        view.behind = 0
        var fleet = Facts.Fleet(kind: .etcd, place: place, store: .empty, daemon: view)
        change(&fleet, &look)
        if fleet.store == .empty { fleet.store = .answers(look) }
        facts.fleet = fleet
    }

    @Test func `names what was looked at`() {
        var facts = sound()
        Self.member(&facts) { _, _ in }
        facts.secrets = [Facts.Secret(path: "/etc/sluice/password")]
        facts.discovery = Facts.Discovery(place: "http://127.0.0.1:8500")
        facts.fleet?.daemon?.oldestAnswer = 4
        let lines = Diagnosis(of: facts).findings.flatMap(\.lines)
        for line in [
            "ok    credentials: 1 file there, and not for everybody to read",
            "ok    etcd at http://10.0.0.1:2379: answers in 2 ms, store of fleet north, version 3.4.23, 1 MB",
            "ok    lease 15 s: renewed every 2 s; a leader that cannot for 10 s steps down",
            "ok    leader: edge2 leads, epoch 7", "ok    this host: has what is published",
            "ok    discovery: http://127.0.0.1:8500 answers; the oldest answer in use is 4 s old",
        ] { #expect(lines.contains(line), "\(line) not in \(lines)") }
        #expect(Diagnosis(of: facts).failures == 0 && Diagnosis(of: facts).warnings == 0)
    }

    @Test(arguments: [
        Trouble(
            "a store that is away",
            { member(&$0) { fleet, _ in fleet.store = .silent("cannot be used now: Connection refused") } },
            "FAIL  etcd at http://10.0.0.1:2379: cannot be used now: Connection refused: hosts go on with what they "
                + "have, and nothing new reaches them",
            "      is it up, and the way to it open?  etcdctl --endpoints=http://10.0.0.1:2379 endpoint health"),
        Trouble(
            "another fleet's store",
            { member(&$0) { fleet, _ in fleet.store = .refuses("belongs to fleet south, this host to north") } },
            "FAIL  etcd at http://10.0.0.1:2379: belongs to fleet south, this host to north: hosts go on with what they "
                + "have",
            "      mend 'coordination' in sluiced.yaml or what it names; then  systemctl restart sluiced"),
        Trouble(
            "nobody who leads", { member(&$0) { _, look in look.leader = nil } },
            "FAIL  leader: nobody leads: hosts go on with what they have, nothing new is published",
            "      on hosts that may lead:  systemctl status sluiced; journalctl -u sluiced -n 50"),
        Trouble(
            "a store without space",
            {
                member(&$0) { _, look in
                    look.problems = ["etcd is out of space, nobody can lead: etcdctl defrag && etcdctl alarm disarm"]
                }
            },
            "FAIL  etcd at http://10.0.0.1:2379: etcd is out of space, nobody can lead",
            "      etcdctl defrag && etcdctl alarm disarm"),
        Trouble(
            "a store that forgets",
            { member(&$0) { _, look in look.problems = ["appendfsync everysec: a crash loses it: set always"] } },
            "WARN  etcd at http://10.0.0.1:2379: appendfsync everysec: a crash loses it", "      set always"),
        Trouble(
            "a lease that the store's answers take up",
            {
                member(&$0) { fleet, look in
                    (fleet.lease, fleet.renew, fleet.retry) = (.seconds(3), .seconds(2), .milliseconds(400))
                    look.took = .milliseconds(900)
                }
            },
            "WARN  lease 3 s: the store took 900 ms to answer, and a leader asks every 400 ms: it may lose the lease for "
                + "nothing",
            "      a longer one:  coordination: { lease: 15s }   or a store that is nearer"),
        Trouble(
            "a host behind the others, one that is silent, and a fleet that is frozen",
            {
                member(&$0) { fleet, _ in
                    fleet.daemon?.behind = 2
                    fleet.daemon?.silent = ["edge3"]
                    fleet.daemon?.frozen = "by eve: moving"
                }
            },
            "WARN  this host: is 2 generations behind",
            "      journalctl -u sluiced -n 50   (says what stands in the way), then  sluicectl map verify",
            "WARN  edge3: is silent: its sluiced does not reach the store, or does not run",
            "      on it:  sluicectl doctor;  systemctl status sluiced",
            "      gone for good:  sluicectl host forget edge3",
            "WARN  fleet: is frozen by eve: moving: nothing is published", "      sluicectl thaw"),
        Trouble(
            "a brake that holds", { member(&$0) { fleet, _ in fleet.daemon?.held = ["service web: 3 stay"] } },
            "WARN  held back: service web: 3 stay",
            "      if it is meant, loosen the service's brake:  brake: { min-active: N, max-removed: P% },  and apply"),
        Trouble(
            "a secret for all to read",
            {
                $0.secrets = [
                    Facts.Secret(path: "/p", trouble: "everybody on this host may use it", remedy: "chmod o= /p")
                ]
            }, "FAIL  /p: everybody on this host may use it", "      chmod o= /p"),
        Trouble(
            "a Consul that is away",
            { $0.discovery = Facts.Discovery(place: "http://127.0.0.1:8500", trouble: "Connection refused") },
            "FAIL  discovery: http://127.0.0.1:8500: Connection refused: instances stay as they were read last",
            "      curl -s http://127.0.0.1:8500/v1/status/leader"),
    ])
    func `says what is wrong and what to type`(trouble: Trouble) { #expect(trouble.found == trouble.lines) }

    @Test func `of an empty store says both ways out of it`() {
        var facts = sound()
        facts.fleet = Facts.Fleet(kind: .redis, place: "redis at 10.0.0.1:6379", store: .empty)
        let finding = Diagnosis(of: facts).findings.first { $0.check == .store }
        #expect(finding?.level == .failure)
        #expect(finding?.remedy.map { $0.contains("sluicectl store restore --") } == [true, true])
    }
}
