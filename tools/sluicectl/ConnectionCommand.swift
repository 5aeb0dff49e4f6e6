// SPDX-License-Identifier: Apache-2.0

import Admin
import ArgumentParser

/// `sluicectl connection list`: what goes through sockets now.
struct ConnectionCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "connection", abstract: "See connections that go through user space.", subcommands: [List.self],
        defaultSubcommand: List.self)

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Connections and UDP flows of services with forward: sockets.")

        @Option(help: .init("At most so many.", valueName: "count"))
        var limit = 100

        @OptionGroup var options: CommonOptions

        func validate() throws {
            guard (1...1_000_000).contains(limit) else {
                throw ValidationError("--limit: \(limit) is no number of connections from 1 to 1000000")
            }
        }

        func run() async throws {
            let path = "/v1/connections?most=\(limit)"
            let answer = try await AdminClient(host: options).get(path, as: ConnectionsAnswer.self)
            guard options.output == .table else { return try printJSON(answer.connections) }
            guard !answer.connections.isEmpty else { return Terminal.print("no connection goes through sockets\n") }
            var table = TextTable([
                .left("PROTO"), .left("CLIENT"), .left("VIP"), .left("SERVICE"), .left("BACKEND"), .left("STATE"),
                .right("BYTES IN"), .right("BYTES OUT"), .right("WORKER"),
            ])
            for one in answer.connections {
                table.add(
                    one.transport, one.client, one.vip, one.service, "\(one.backend) \(one.backendAddress)", one.state,
                    "\(one.bytesIn)", "\(one.bytesOut)", "\(one.worker)")
            }
            Terminal.print(table.text)
        }
    }
}
