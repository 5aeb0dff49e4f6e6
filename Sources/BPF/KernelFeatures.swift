// SPDX-License-Identifier: Apache-2.0

import CBPF
import CLinux
import Glibc

/// A kernel's version, of which only the first two numbers say anything: 6.1 of `6.1.0-18-amd64`.
public struct KernelRelease: Sendable, Comparable, CustomStringConvertible {
    public let major: Int
    public let minor: Int

    public init(major: Int, minor: Int) {
        self.major = major
        self.minor = minor
    }

    /// Reads what uname(2) calls the release; nil if it does not begin with two numbers.
    public init?(_ text: String) {
        let parts = text.split(separator: ".", maxSplits: 2)
        guard parts.count >= 2, let major = Int(parts[0]), let minor = Int(parts[1].prefix(while: \.isNumber)) else {
            return nil
        }
        self.init(major: major, minor: minor)
    }

    public static func < (left: KernelRelease, right: KernelRelease) -> Bool {
        (left.major, left.minor) < (right.major, right.minor)
    }

    public var description: String { "\(major).\(minor)" }
}

/// What the running kernel can do, found out by trying; distributions carry features back, so versions say little.
public struct KernelFeatures: Sendable, Equatable {
    public let release: KernelRelease
    /// XDP programs may be loaded at all: the kernel has them, and this process is permitted.
    public let xdp: Bool
    /// XDP programs are attached by links, which can be pinned and replaced in one step (5.9).
    public let xdpLink: Bool
    /// XDP programs may ask for the coarse clock (5.11).
    public let coarseClock: Bool
    /// XDP programs may work on frames of several pieces (5.18).
    public let xdpFragments: Bool
    /// A test run may name the interface that the frame comes in by (5.15).
    public let testRunContext: Bool
    /// A test run may send its frames on for real (5.18).
    public let testRunLive: Bool
    /// Programs can choose among sockets of one address (4.19).
    public let reuseport: Bool
    /// membarrier(2) has its global command, which kernels booted with `nohz_full` lack.
    public let membarrier: Bool
    /// The kernel tells its own types.
    public let typeInformation: Bool

    /// Tries each feature; changes nothing, and what is not permitted counts as absent.
    public static func probe() -> KernelFeatures {
        LibbpfMessages.silence()
        let program = verdict(XDP_DROP, flags: 0)
        return KernelFeatures(
            release: runningRelease(),
            xdp: program != nil,
            xdpLink: program.map(hasLinks) ?? false,
            coarseClock: libbpf_probe_bpf_helper(BPF_PROG_TYPE_XDP, BPF_FUNC_ktime_get_coarse_ns, nil) == 1,
            xdpFragments: verdict(XDP_DROP, flags: UInt32(BPF_F_XDP_HAS_FRAGS)) != nil,
            testRunContext: program.map { runs($0, TestRun(data: frame, ingressInterface: loopback)) } ?? false,
            testRunLive: program.map { runs($0, TestRun(data: frame, live: true, batchSize: 1)) } ?? false,
            reuseport: libbpf_probe_bpf_prog_type(BPF_PROG_TYPE_SK_REUSEPORT, nil) == 1,
            membarrier: linux_membarrier_has_global() != 0,
            typeInformation: access("/sys/kernel/btf/vmlinux", R_OK) == 0)
    }

    /// The first interface of every network namespace.
    private static let loopback: UInt32 = 1
    private static let frame = [UInt8](repeating: 0, count: 64)

    private static func runningRelease() -> KernelRelease {
        var system = utsname()
        uname(&system)
        let text = withUnsafeBytes(of: &system.release) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        return KernelRelease(text) ?? KernelRelease(major: 0, minor: 0)
    }

    private static func verdict(_ action: xdp_action, flags: UInt32) -> Descriptor? {
        let descriptor = cbpf_load_verdict(UInt32(BPF_PROG_TYPE_XDP.rawValue), Int32(action.rawValue), flags)
        return descriptor < 0 ? nil : Descriptor(owning: descriptor)
    }

    /// The loopback has no native XDP, so nothing is attached: a kernel with links says EOPNOTSUPP, one without EINVAL.
    private static func hasLinks(_ program: Descriptor) -> Bool {
        let result = cbpf_link_create_xdp(program.number, Int32(loopback), XDPMode.native.flag)
        if result >= 0 { close(result) }
        return result >= 0 || result == -EOPNOTSUPP
    }

    private static func runs(_ program: Descriptor, _ run: TestRun) -> Bool {
        do {
            let duplicate = try Descriptor(duplicating: program.number, of: "probe")
            _ = try Program(owning: duplicate).testRun(run)
            return true
        } catch {
            return false
        }
    }
}
