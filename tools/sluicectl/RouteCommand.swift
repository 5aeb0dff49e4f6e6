// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Model

/// `sluicectl route list`: which requests go where.
struct RouteCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "route", abstract: "See which requests go where.", subcommands: [List.self],
        defaultSubcommand: List.self)

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "All routes in the order of the document; which one takes a request `explain --url` says.")

        @OptionGroup var options: CommonOptions

        func run() throws {
            let routing = try LocalState(options).generation.routing
            let rows = routing.routes.enumerated().map { Row(number: $0.offset + 1, $0.element) }
            guard options.output == .table else { return try printJSON(rows) }
            guard !rows.isEmpty else { return Terminal.print("there are no routes\n") }
            var table = TextTable([
                .right("ROUTE"), .left("LISTENER"), .left("HOST"), .left("PATH"), .left("METHOD"), .left("HEADERS"),
                .left("SERVICES"), .left("UPSTREAM"), .right("TIMEOUT"), .right("RETRIES"),
            ])
            for row in rows {
                table.add(
                    "\(row.number)", row.listener ?? "all", row.host ?? "*", row.path + (row.exact ? " exactly" : ""),
                    row.method ?? "*", row.headers.joined(separator: ", "), row.shares, row.upstream,
                    "\(Double(row.timeoutMilliseconds) / 1000) s", "\(row.retries)")
            }
            Terminal.print(table.text)
        }
    }

    struct Row: Encodable {
        var number: Int
        /// Nil: of all.
        var listener: String?
        var host: String?
        var path: String
        var exact: Bool
        var method: String?
        var headers: [String]
        var services: [String: UInt32]
        var upstream: String
        var timeoutMilliseconds: Int64
        var retries: Int

        init(number: Int, _ route: Route) {
            self.number = number
            listener = route.listener
            (host, path, exact, method) = (
                route.match.host, route.match.path, route.match.isExact, route.match.method
            )
            headers = route.match.headers.map { $0.name + ($0.value.map { ": \($0)" } ?? "") }
            services = Dictionary(route.targets.map { ($0.service, $0.weight) }) { $1 }
            upstream = route.upstream.rawValue
            timeoutMilliseconds = Int64(route.timeout / .milliseconds(1))
            retries = route.retries
        }

        /// `web`, or `api w9, web w1`.
        var shares: String {
            if services.count == 1, let only = services.first { return only.key }
            return services.sorted { $0.key < $1.key }.map { "\($0.key) w\($0.value)" }.joined(separator: ", ")
        }
    }
}
