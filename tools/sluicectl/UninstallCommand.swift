// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
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
        let pins = try PinPaths(root: host.datapath.bpfRoot).pins()
        guard !pins.isEmpty else {
            Terminal.print("\(host.datapath.bpfRoot): nothing is installed\n")
            return
        }
        guard yes else {
            Terminal.print(pins.map { "\(host.datapath.bpfRoot)/\($0)\n" }.joined())
            throw Failure(
                .failed, "nothing was removed",
                remedy: "withdraw the VIPs' routes first, then:  sluicectl uninstall --yes")
        }
        let dataplane = try Dataplane(DataplaneSettings(bpfRoot: host.datapath.bpfRoot))
        _ = try await dataplane.start()
        try await dataplane.uninstall()
        Terminal.print("\(pins.count) pins removed from \(host.datapath.bpfRoot)\n")
    }
}
