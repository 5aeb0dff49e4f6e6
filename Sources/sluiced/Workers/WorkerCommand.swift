// SPDX-License-Identifier: Apache-2.0

import Admin
import ArgumentParser
import CLinux
import EventLoop
import Glibc

/// `sluiced worker`: started by the daemon, which gives it its sockets and tells it what to do by descriptor 3.
struct WorkerCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "worker", abstract: "Carry connections for the daemon, which starts this.", shouldDisplay: false)

    /// Where the daemon's connections come in.
    static let control: Int32 = 3

    @Option(help: "Its place among the workers.")
    var slot: Int

    @Option(help: "How many workers there are.")
    var workers: Int

    @Option(help: "The user's number that it becomes.")
    var user: UInt32

    @Option(help: "The group's number.")
    var group: UInt32

    func run() throws {
        do {
            // Before its privileges go: what the daemon raised counts for it too.
            let descriptors = Self.raiseDescriptors()
            try Privileges.become(user: user, group: group)
            try Privileges.forbidSystemCalls()
            let loop = try EventLoop(name: "worker-\(slot)")
            let process = WorkerProcess(
                slot: slot, loop: loop, control: Descriptor(adopting: Self.control), descriptors: descriptors,
                memory: Self.hostMemory / 4 / max(workers, 1))
            loop.execute { process.start() }
            loop.run()
        } catch {
            throw StartFailure(description: "sluiced worker: \(error)")
        }
    }

    /// Bytes.
    private static var hostMemory: Int { sysconf(Int32(_SC_PHYS_PAGES)) * sysconf(Int32(_SC_PAGESIZE)) }

    /// As many as it may have.
    private static func raiseDescriptors() -> Int {
        var limit = rlimit()
        let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        guard getrlimit(resource, &limit) == 0 else { return 1024 }
        limit.rlim_cur = limit.rlim_max
        _ = setrlimit(resource, &limit)
        guard getrlimit(resource, &limit) == 0 else { return 1024 }
        return Int(clamping: limit.rlim_cur)
    }
}
