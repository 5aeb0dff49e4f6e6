// SPDX-License-Identifier: Apache-2.0

import Admin
import ArgumentParser

/// `sluicectl listener list`: the sockets that take what goes through user space.
struct ListenerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "listener", abstract: "See the sockets that take what goes through user space.",
        subcommands: [List.self], defaultSubcommand: List.self)

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "All listeners of this host, a line each.")

        @OptionGroup var options: CommonOptions

        func run() async throws {
            let answer = try await AdminClient(host: options).get("/v1/listeners", as: ListenersAnswer.self)
            guard options.output == .table else { return try printJSON(answer.listeners) }
            guard !answer.listeners.isEmpty else { return Terminal.print("nothing goes through sockets\n") }
            var table = TextTable([
                .left("BIND"), .left("KIND"), .left("SERVICE"), .right("WORKERS"), .right("ACTIVE"),
                .right("ACCEPTED"), .right("REQUESTS"), .right("BYTES IN"), .right("BYTES OUT"),
                .right("REFUSED OR FAILED"), .left("CERTIFICATES"),
            ])
            for one in answer.listeners {
                table.add(
                    one.bind, one.kind, one.service, "\(one.workers)/\(one.sockets)", "\(one.active)",
                    "\(one.accepted)", one.requests.map { "\($0)" } ?? "-", "\(one.bytesIn)", "\(one.bytesOut)",
                    "\(one.refused)",
                    one.certificates.map { $0.map(\.text).joined(separator: ", ") } ?? "-")
            }
            Terminal.print(table.text)
            for one in answer.listeners {
                if let problem = one.problem { Terminal.print("no connection comes to \(one.bind): \(problem)\n") }
            }
        }
    }
}

extension ListenersAnswer.Listener {
    /// Those that ended otherwise than by their two sides or by time.
    fileprivate var refused: UInt64 {
        let orderly: Set<String> = [
            "finished", "clientReset", "backendReset", "idle", "flowOver", "drained", "stopped",
        ]
        return ended.filter { !orderly.contains($0.key) }.values.reduce(0, +)
    }
}

extension ListenersAnswer.Certificate {
    /// `example.org +1, 29 days`.
    fileprivate var text: String {
        let more = names.count > 1 ? " +\(names.count - 1)" : ""
        let end = days < 0 ? "expired" : days == 1 ? "1 day" : "\(days) days"
        return "\(names.first ?? "no name")\(more): \(end)"
    }
}
