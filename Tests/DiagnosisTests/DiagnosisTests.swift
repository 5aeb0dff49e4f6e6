// SPDX-License-Identifier: Apache-2.0

import Diagnosis
import Testing

@Suite struct `A diagnosis` {
    @Test func `of a sound host says what was looked at`() {
        #expect(
            Diagnosis(of: sound()).text == """
                ok    kernel 6.18: XDP, XDP links, BTF, SK_REUSEPORT
                ok    program: compiled for this host by /usr/bin/clang
                ok    pins: program 1f3a (IPv4, IPIP, tracking), 2 maps, 1 attached interface below /sys/fs/bpf/sluice
                ok    state: /var/lib/sluice can be written to, 5 GB free
                ok    sluiced: version 1.0 runs as process 4711
                ok    generation 3.17: accepted and applied
                ok    eth0 (ice): native XDP, MTU 1500
                ok    10.9.9.9: routed to this host: nobody answers ARP for it, nor has to
                ok    ip_forward: off: packets for a VIP that the program passes on end here
                ok    MTU: a client packet of 1500 bytes is 1520 after IPIP and fits eth0 (1600)
                ok    next hops: known for 2 backends
                ok    web: 2 backends up, probed through the tunnel
                note  own traffic: connections of this host to a VIP do not pass XDP: they leave by its \
                routes (10.9.9.9). A backend that connects to its own VIP meets itself.
                      To try a VIP, connect from another host, or ask  sluicectl explain --src A:P --dst VIP:P
                note  nftables: rules on this host do not see packets that the program forwards, and conntrack sees \
                one direction of those it passes on
                      allow and deny lists belong to the service:  allow: [...], deny: [...]
                no failure, no warning

                """)
    }

    @Test func `is sound without a failure, whatever the warnings`() {
        var facts = sound()
        #expect(Diagnosis(of: facts).outcome == .sound)
        facts.kernel { $0.jit = .known(false) }
        let diagnosis = Diagnosis(of: facts)
        #expect(diagnosis.outcome == .sound)
        #expect(diagnosis.summary == "no failure, 1 warning")
    }

    @Test func `counts failures and warnings`() {
        var facts = sound()
        facts.kernel { $0.jit = .known(false) }
        facts.interfaces = .known([eth0 { $0.isUp = false }, Facts.Interface(name: "eth9", link: nil)])
        let diagnosis = Diagnosis(of: facts)
        #expect(diagnosis.summary == "2 failures, 1 warning")
        #expect(diagnosis.outcome == .failed)
    }

    @Test func `tells what only another kernel mends from other failures`() {
        var facts = sound()
        facts.interfaces = .known([eth0 { $0.isUp = false }])
        facts.kernel { $0.xdp = false }
        #expect(Diagnosis(of: facts).outcome == .kernelLacks)
    }

    @Test func `of nothing but unknown facts names each cause`() {
        var facts = Facts(interfacePlaces: 64, guePort: 6080)
        facts.kernel = .unknown("no")
        facts.pins = .unknown("a")
        facts.interfaces = .unknown("b")
        facts.services = .unknown("c")
        #expect(
            Diagnosis(of: facts).findings.map(\.lines[0]) == [
                "WARN  kernel: was not tried: no",
                "FAIL  program:  has neither sources nor a prebuilt program",
                "WARN  pins: could not be read: a",
                "note  sluiced: does not run, and has never run here",
                "WARN  interfaces: could not be read: b",
                "WARN  services: could not be read: c",
            ])
    }
}
