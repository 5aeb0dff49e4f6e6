// SPDX-License-Identifier: Apache-2.0

import Admin
import ArgumentParser
import BPF
import Dataplane
import Documents
import Glibc

/// `sluicectl uninstall`: takes everything out of the kernel. Traffic to the VIPs ends.
struct UninstallCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "uninstall",
        abstract: "Remove program, maps and links from the kernel; the VIPs are no longer served by this host.")

    @Flag(help: "Do it; without this the pins are only listed.")
    var yes = false

    @OptionGroup var options: CommonOptions

    func run() async throws {
        let host = try options.host()
        try Reach.check(host.datapath.bpfRoot)
        let pins = try PinPaths(root: host.datapath.bpfRoot).pins()
        guard !pins.isEmpty else {
            try tell("\(host.datapath.bpfRoot): nothing is installed", [])
            return
        }
        guard yes else {
            try tell(pins.map { "\(host.datapath.bpfRoot)/\($0)" }.joined(separator: "\n"), [])
            throw Failure(
                .failed, "nothing was removed",
                remedy: "withdraw the VIPs' routes first, then:  sluicectl uninstall --yes")
        }
        let dataplane = try Dataplane(DataplaneSettings(bpfRoot: host.datapath.bpfRoot))
        do {
            _ = try await dataplane.start()
        } catch let error as BPFError where error.errno == EWOULDBLOCK {
            throw Failure(
                .failed, "\(host.datapath.bpfRoot): sluiced runs with these pins",
                remedy: "stop it first:  systemctl stop sluiced")
        }
        try await dataplane.uninstall()
        let workers = try LeftWorkers.end(in: "\(host.directories.run)/\(WorkerSockets.folder)")
        try Pin.removeTree(host.datapath.bpfRoot + "/sockets")
        if workers > 0 { Terminal.error("\(workers) workers ended, and their connections with them") }
        try tell("\(pins.count) pins removed from \(host.datapath.bpfRoot)", pins)
    }

    private func tell(_ text: String, _ removed: [String]) throws {
        switch options.output {
        case .table: Terminal.print(text + "\n")
        case .json: try printJSON(["removed": removed])
        }
    }
}
