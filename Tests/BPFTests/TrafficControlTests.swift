// SPDX-License-Identifier: Apache-2.0

import BPF
import Glibc
import TestSupport
import Testing

extension KernelTests {
    @Suite(.requires("netns", "nsenter", "ping")) struct TrafficControlTests {
        private let namespace: NetworkNamespace
        private let interface: UInt32 = 7

        init() throws {
            namespace = try NetworkNamespace()
            try namespace.run("ip link add index 7 veth0 type veth peer name veth1")
        }

        /// Drops all that leaves with the mark 5.
        private func dropping() throws -> Program {
            try Sample().program(
                """
                #include <linux/pkt_cls.h>
                SEC("tc") int steer(struct __sk_buff *skb) { return skb->mark == 5 ? TC_ACT_SHOT : TC_ACT_UNSPEC; }
                """)
        }

        /// Whether the host reaches itself over the loopback, and whether it does with the mark.
        private func answers() throws -> [Bool] {
            let ping = "ping -c 1 -W 1 -q 127.0.0.1"
            return try ["", "-m 5"].map { mark in
                try namespace.run("\(ping) \(mark) >/dev/null && echo yes || echo no") == "yes\n"
            }
        }

        @Test(.enabled("this kernel has no TCX") { Link.attachesToEgress })
        func `a link classifies what leaves until it goes`() throws {
            let program = try dropping()
            #expect(try answers() == [true, true])
            do {
                let link = try namespace.inside { try Link.attachEgress(program, interface: 1) }
                #expect(try link.interface == 1 && link.programID == program.id)
                #expect(try answers() == [true, false])
            }
            #expect(try answers() == [true, true])
        }

        @Test(.enabled("this kernel has no TCX") { Link.attachesToEgress })
        func `a pinned link stays, takes another program, and ends with its interface`() throws {
            let pins = try PinDirectory()
            let (old, new, interface) = (try dropping(), try dropping(), interface)
            try namespace.inside { try Link.attachEgress(old, interface: interface) }.pin(to: pins.path + "/veth0")
            let link = try Link.open(pinned: pins.path + "/veth0")
            #expect(try link.programID == old.id)
            try link.update(to: new)
            #expect(try link.programID == new.id)
            try namespace.run("ip link del veth0")
            #expect(try link.interface == 0)
        }

        @Test func `a filter classifies what leaves, is replaced, and is removed`() throws {
            let (old, new) = (try dropping(), try dropping())
            #expect(try namespace.inside { try EgressFilter.program(on: 1) } == nil)
            try namespace.inside { try EgressFilter.attach(old, interface: 1) }
            #expect(try namespace.inside { try EgressFilter.program(on: 1) } == old.id)
            #expect(try answers() == [true, false])
            try namespace.inside { try EgressFilter.attach(new, interface: 1) }
            #expect(try namespace.inside { try EgressFilter.program(on: 1) } == new.id)
            #expect(try namespace.inside { try EgressFilter.remove(from: 1) })
            #expect(try namespace.inside { try EgressFilter.remove(from: 1) } == false)
            #expect(try answers() == [true, true])
        }

        @Test func `filters of others stay when ours goes`() throws {
            let pins = try PinDirectory()
            let (other, program, interface) = (try dropping(), try dropping(), interface)
            try other.pin(to: pins.path + "/other")
            try namespace.run(
                "tc qdisc add dev veth0 clsact && "
                    + "tc filter add dev veth0 egress prio 1 handle 9 bpf da pinned \(pins.path)/other")
            try namespace.inside {
                try EgressFilter.attach(program, interface: interface)
                try EgressFilter.remove(from: interface)
            }
            #expect(try namespace.run("tc filter show dev veth0 egress").contains("handle 0x9"))
        }

        @Test func `an interface that is not there is named`() throws {
            let program = try dropping()
            let link = failure { _ = try namespace.inside { try Link.attachEgress(program, interface: 99) } }
            if Link.attachesToEgress {
                #expect(link.hasPrefix("attach program steer to the egress of interface 99: no such interface"))
            }
            let filter = failure { try namespace.inside { try EgressFilter.attach(program, interface: 99) } }
            #expect(filter.hasPrefix("attach program steer to the egress of interface 99: clsact: "))
        }
    }
}
