// SPDX-License-Identifier: Apache-2.0

import BPF
import Glibc
import TestSupport
import Testing

extension KernelTests {
    @Suite(.requires("netns", "nsenter")) struct LinkTests {
        private let namespace: NetworkNamespace
        private let interface: UInt32 = 7

        init() throws {
            namespace = try NetworkNamespace()
            try namespace.run("ip link add index 7 veth0 type veth peer name veth1")
        }

        private func attach(_ program: Program, _ mode: XDPMode = .native) throws -> Link {
            let interface = interface
            return try namespace.inside { try Link.attachXDP(program, interface: interface, mode: mode) }
        }

        private func attached() throws -> XDPAttachment? {
            let interface = interface
            return try namespace.inside { try XDPAttachment.current(on: interface) }
        }

        @Test(arguments: XDPMode.allCases)
        func `a link attaches, is seen, and detaches when it goes`(mode: XDPMode) throws {
            let program = try Sample().program(Sample.dropping)
            #expect(try attached() == nil)
            do {
                let link = try attach(program, mode)
                #expect(try link.interface == interface && link.programID == program.id)
                let attachment = try #require(try attached())
                #expect(attachment.mode == mode && attachment.programID == program.id)
                #expect(attachment.programName == "steer")
            }
            #expect(try attached() == nil)
        }

        @Test func `a pinned link stays, and takes another program in one step`() throws {
            let pins = try PinDirectory()
            let (old, new) = (try Sample().program(Sample.dropping), try Sample().program(Sample.counting))
            try attach(old).pin(to: pins.path + "/veth0")
            let link = try Link.open(pinned: pins.path + "/veth0")
            #expect(try link.programID == old.id)
            try link.update(to: new)
            #expect(try attached()?.programID == new.id)
            try link.detach()
            #expect(try attached() == nil)
            #expect(try link.interface == 0)
        }

        @Test func `a link whose interface vanished says so`() throws {
            let program = try Sample().program(Sample.dropping)
            let link = try attach(program)
            try namespace.run("ip link del veth0")
            #expect(try link.interface == 0)
            let text = failure { try link.update(to: program) }
            #expect(text == "update link \(link.id) to program steer: its interface is gone (ENOLINK)")
            let again = failure { _ = try attach(program) }
            #expect(again == "attach program steer to interface 7 (native): no such interface (EINVAL)")
        }

        @Test func `a foreign program is refused, seen, and removed when told`() throws {
            let pins = try PinDirectory()
            try Sample().program(Sample.dropping).pin(to: pins.path + "/foreign")
            try namespace.run("ip link set dev veth0 xdpdrv pinned \(pins.path)/foreign")
            let program = try Sample().program(Sample.counting)
            let text = failure { _ = try attach(program) }
            #expect(text == "attach program steer to veth0 (native): another XDP program is attached (EBUSY)")
            #expect(try attached()?.mode == .native)
            let interface = interface
            try namespace.inside { try XDPAttachment.remove(from: interface, mode: .native) }
            #expect(try attached() == nil)
            let link = try attach(program)
            #expect(
                failure { try namespace.inside { try XDPAttachment.remove(from: interface, mode: .native) } }
                    == "detach XDP from interface 7: a link holds it (EBUSY)")
            #expect(try link.interface == 7)
        }

        @Test func `an interface without native XDP says so`() throws {
            let program = try Sample().program(Sample.dropping)
            let text = failure {
                _ = try namespace.inside { try Link.attachXDP(program, interface: 1, mode: .native) }
            }
            #expect(text == "attach program steer to lo (native): the driver has no XDP of this mode (EOPNOTSUPP)")
        }
    }

    struct KernelFeaturesTests {
        @Test func `this kernel has what its release promises`() {
            let features = KernelFeatures.probe()
            #expect(features.xdp && features.reuseport)
            #expect(features.xdpLink || features.release < KernelRelease(major: 5, minor: 9))
            #expect(features.coarseClock || features.release < KernelRelease(major: 5, minor: 11))
            #expect(features.testRunContext || features.release < KernelRelease(major: 5, minor: 15))
            #expect(features.xdpFragments || features.release < KernelRelease(major: 5, minor: 18))
            #expect(features.testRunLive || features.release < KernelRelease(major: 5, minor: 18))
        }
    }
}

struct KernelReleaseTests {
    @Test(arguments: [("6.1.0-18-amd64", 6, 1), ("5.10-rc1", 5, 10), ("6.18.44", 6, 18)])
    func `a release is read`(text: String, major: Int, minor: Int) {
        #expect(KernelRelease(text) == KernelRelease(major: major, minor: minor))
    }

    @Test func `what is no release is refused`() {
        #expect(KernelRelease("linux") == nil && KernelRelease("6") == nil)
    }
}
