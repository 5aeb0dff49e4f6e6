// SPDX-License-Identifier: Apache-2.0

import Admin
import CLinux
import Glibc

/// What of root's power the daemon keeps: capabilities(7).
///
/// Capabilities belong to a thread and are inherited by the threads it begins. So they are dropped in `main` before the
/// first task or thread; what needs more (mounting bpffs, raising the limit of locked memory) is done before.
enum Privileges {
    /// Raw values are the kernel's numbers.
    enum Capability: Int32, Hashable {
        /// The group of the admin socket.
        case chown = 0
        /// Ending a worker that does not answer.
        case kill = 5
        /// Workers become another user.
        case setgid = 6
        case setuid = 7
        /// Listening below port 1024.
        case netBindService = 10
        /// Attaching XDP, netlink.
        case netAdmin = 12
        /// Probes through the tunnel.
        case netRaw = 13
        /// Pointer arithmetic in programs.
        case perfmon = 38
        /// Programs and maps.
        case bpf = 39

        fileprivate var bit: UInt64 { 1 << UInt64(rawValue) }
    }

    struct Failure: Error, CustomStringConvertible {
        let description: String
        var code = ExitCode.failed
    }

    /// What the daemon needs while it runs.
    static let running: Set<Capability> = [
        .bpf, .netAdmin, .perfmon, .netRaw, .chown, .kill, .setgid, .setuid, .netBindService,
    ]

    /// Gives up all that root has, for good: of a worker, which has one thread.
    static func become(user: UInt32, group: UInt32) throws {
        try check(sluice_no_new_privileges(), "set no_new_privs")
        try check(sluice_become(user, group), "become user \(user)")
        // Root's capabilities went with root; one that was no root has them still.
        try check(sluice_set_capabilities(0), "drop the capabilities")
    }

    /// Whatever a worker is brought to do, it begins no program, no kind of socket but IP's, and nothing that looks at
    /// other processes or changes the host: seccomp(2), of this thread and those that it begins.
    static func forbidSystemCalls() throws { try check(sluice_forbid_system_calls(), "forbid system calls") }

    /// Keeps of what the process has only these, for good; those in `kept` that it has not are answered.
    ///
    /// Throws where other threads run already, or on a kernel before 5.8, which has no capability for BPF alone.
    static func keepOnly(_ kept: Set<Capability>) throws -> Set<Capability> {
        guard sluice_knows_capability(Capability.bpf.rawValue) == 1 else {
            throw Failure(description: "drop capabilities: this kernel has no CAP_BPF (before 5.8)", code: .kernelLacks)
        }
        let threads = try threadCount()
        guard threads == 1 else {
            throw Failure(description: "drop capabilities: \(threads) threads run already, and each has its own")
        }
        var permitted: UInt64 = 0
        try check(sluice_permitted_capabilities(&permitted), "read the capabilities")
        let wanted = kept.reduce(into: UInt64(0)) { $0 |= $1.bit }

        // The bounding set first: dropping from it takes a capability that is then dropped itself.
        if permitted & setpcap != 0 { try check(sluice_drop_bounding(wanted), "drop from the bounding set") }
        try check(sluice_clear_ambient(), "clear the ambient capabilities")
        try check(sluice_no_new_privileges(), "set no_new_privs")
        try check(sluice_set_capabilities(permitted & wanted), "set the capabilities")
        return kept.filter { permitted & $0.bit == 0 }
    }

    private static let setpcap: UInt64 = 1 << 8

    private static func threadCount() throws -> Int {
        guard let directory = opendir("/proc/self/task") else {
            throw Failure(description: "read /proc/self/task: \(String(cString: strerror(errno)))")
        }
        defer { closedir(directory) }
        var count = 0
        while readdir(directory) != nil { count += 1 }
        return count - 2  // "." and ".."
    }

    private static func check(_ result: Int32, _ operation: String) throws {
        guard result < 0 else { return }
        throw Failure(description: "\(operation): \(String(cString: strerror(-result)))")
    }
}
