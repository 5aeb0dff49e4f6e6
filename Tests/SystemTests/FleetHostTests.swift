// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// Hosts of a fleet whose disk is full, or whose wall clock jumps.
@Suite(.serialized, .requiresFleet)
struct FleetHostTests {
    /// On the leader itself: what it publishes it cannot keep, so it does not run it either.
    @Test func `a host without room for the generation says so, runs what it has, and goes on when there is room`()
        async throws
    {
        try await FleetLab.tell { fleet in
            let full = fleet.edges[0]
            try await full.kill()
            try await full.onSmallDisk(bytes: 512 << 10) {
                try await full.start()
                try await fill(full, in: fleet)
                // What it wrote is whole: it comes back with it.
                try await full.reboot()
                try await fleet.awaitBackends("web1", "web2", "web3")
                try await full.kill()
            }
            try await full.start()
        }
    }

    private func fill(_ full: Edge, in fleet: FleetLab) async throws {
        let others = fleet.others(than: full)
        let filler = "\(full.state)/filler"
        // It takes all that is left, and says that it is not all that was wanted.
        _ = try await Command.output(["dd", "if=/dev/zero", "of=\(filler)", "bs=4k"])
        try await fleet.register("web3")
        try await fleet.awaitBackends("web1", "web2", "web3", on: others)
        try await fleet.awaitProblem("No space left on device", on: full)
        let problems = try await full.fleetStatus()?.problems ?? []
        #expect(problems.count { $0.contains("No space left on device") } == 1, "\(problems)")
        try await fleet.awaitBackends("web1", "web2", on: [full])
        try FileManager.default.removeItem(atPath: filler)
        try await fleet.awaitBackends("web1", "web2", "web3")
        try await until("it says so no more") { try await full.fleetStatus()?.problems == [] }
    }

    /// A day forward, two back: leases, probes and pauses are on clocks that no one sets.
    @Test func `when the leader's wall clock jumps it goes on leading, and changes still arrive`() async throws {
        try await FleetLab.tell { fleet in
            let clock = try await WallClock(in: fleet.lab.folder)
            let leader = try await fleet.leader()
            for edge in fleet.others(than: leader) { try await edge.stop() }
            try await leader.stop()
            try await leader.launch(with: clock.library, clock.variable)
            _ = try await fleet.leader()
            for edge in fleet.others(than: leader) { try await edge.start() }
            let epoch = try await leader.fleetStatus()?.leaderEpoch
            for (jump, wanted) in [(86_400, ["web1", "web2", "web3"]), (-86_400, ["web1", "web2"])] {
                try clock.jump(to: jump)
                let start = ContinuousClock.now
                if wanted.contains("web3") {
                    try await fleet.register("web3")
                } else {
                    try await fleet.deregister("web3")
                }
                try await fleet.awaitBackends(wanted, on: fleet.edges)
                #expect(try leader.lastDay() != Edge.day(), "its clock did not jump")
                try await until("two leases have passed") {
                    let status = try await leader.fleetStatus()
                    guard status?.leading == true, status?.leaderEpoch == epoch else {
                        throw SystemError("lead on with a clock that is \(jump) s ahead", cause: leader.lastWords)
                    }
                    return ContinuousClock.now - start > FleetLab.lease * 2
                }
            }
            try await fleet.die("web1", remaining: "web2")
            try await leader.stop()
            try await leader.start()
        }
    }
}

extension Edge {
    /// Its state directory is a file system of that size meanwhile, which has what the directory had.
    fileprivate func onSmallDisk(bytes size: Int, _ work: () async throws -> Void) async throws {
        let kept = "\(folder)/kept"
        try await Command.run(["mv", state, kept])
        try await Command.run(["mkdir", state])
        try await Command.run(["mount", "-t", "tmpfs", "-o", "size=\(size),mode=0700", "tmpfs", state])
        do {
            try await Command.run(["cp", "-a", "\(kept)/.", state])
            try await work()
            try await Command.run(["rm", "-r", kept])
            try await Command.run(["cp", "-a", state, kept])
            try await Command.run(["umount", state])
        } catch {
            // While the daemon lives it is in use; lazily, then.
            try await Command.run(["umount", "--lazy", state])
            throw error
        }
        try await Command.run(["rm", "-r", state])
        try await Command.run(["mv", kept, state])
    }

    /// The day of its log's last line.
    fileprivate func lastDay() throws -> String {
        String(try logged().split(separator: "\n").last { $0.hasPrefix("20") }?.prefix(10) ?? "")
    }

    fileprivate static func day() -> String { String(ISO8601DateFormatter().string(from: Date()).prefix(10)) }
}

/// The wall clock of one program.
private struct WallClock {
    /// Settings of that program's environment.
    let library: String
    let variable: String
    private let file: String

    init(in folder: String) async throws {
        file = "\(folder)/clock"
        let built = "\(folder)/lab-clock.so"
        library = "LD_PRELOAD=\(built)"
        variable = "LAB_CLOCK=\(file)"
        let compiler = Requirement.path(of: "clang") ?? "clang"
        try await Command.run([compiler, "-shared", "-fPIC", "-O2", "-o", built, Lab.tools + "/lab-clock.c"])
        try Data(count: 8).write(to: URL(fileURLWithPath: file))
    }

    /// So many seconds ahead of the machine's. In place, as the program has mapped the file.
    func jump(to seconds: Int) throws {
        let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: file))
        try handle.write(contentsOf: withUnsafeBytes(of: Int64(seconds)) { Data($0) })
        try handle.close()
    }
}
