// SPDX-License-Identifier: Apache-2.0

import Admin
import ArgumentParser
import Foundation
import Model
import Reconciler

/// `sluicectl backend list|drain|enable`.
struct BackendCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backend", abstract: "See backends, take one out of service and put it back.",
        subcommands: [List.self, Drain.self, Enable.self], defaultSubcommand: List.self)

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "The backends of all services, or of one.")

        @Argument(help: "A service's name.")
        var service: String?

        @OptionGroup var options: CommonOptions

        func run() async throws {
            let state = try LocalState(options)
            let services = try service.map { [try state.service(named: $0)] } ?? state.generation.services
            let drains = try await reasons(state)
            let rows = services.flatMap { self.rows(of: $0, state, drains) }
            switch options.output {
            case .json: try printJSON(rows)
            case .table: Terminal.print(Self.table(rows) + state.changeText)
            }
        }

        /// Who drains which backend, and why. A fleet's lie in its store: without the daemon they are not known.
        private func reasons(_ state: LocalState) async throws -> [BackendName: String] {
            var drains = state.kept.drains.map {
                (BackendName(service: $0.service, backend: $0.backend), "\($0.author): \($0.reason)")
            }
            if state.host.coordination.isShared {
                do {
                    let answer = try await AdminClient(host: options).get("/v1/drains", as: DrainsAnswer.self)
                    drains = answer.drains.map {
                        (BackendName(service: $0.service, backend: $0.backend), "\($0.author): \($0.reason)")
                    }
                } catch let failure as Failure where failure.status == .unreachable {
                    drains = []
                }
            }
            return Dictionary(drains) { first, _ in first }
        }

        private func rows(
            of placed: PlacedService, _ state: LocalState, _ drains: [BackendName: String]
        ) -> [Row] {
            let shares = placed.shares(down: state.down)
            return placed.backends.map { one in
                let name = BackendName(service: placed.service.name, backend: one.backend.name)
                return Row(
                    service: name.service, backend: name.backend, id: one.id.rawValue,
                    address: "\(one.backend.address)", port: one.backend.port, weight: one.backend.weight,
                    state: one.condition(down: state.down).rawValue, slots: shares[one.id] ?? 0,
                    tableSize: placed.service.tableSize.slots,
                    since: one.drainingSince ?? state.kept.down[name],
                    reason: drains[name])
            }
        }

        private static func table(_ rows: [Row]) -> String {
            var table = TextTable([
                .left("SERVICE"), .left("BACKEND"), .left("ADDRESS"), .right("WEIGHT"), .left("STATE"), .right("SHARE"),
                .left("SINCE"), .left("REASON"),
            ])
            let now = Int64(Date().timeIntervalSince1970)
            for row in rows {
                table.add(
                    row.service, row.backend, row.address, "\(row.weight)", row.state,
                    Units.percent(row.slots, of: row.tableSize), row.since.map { Units.age(seconds: now - $0) } ?? "-",
                    row.reason ?? "")
            }
            return table.text
        }
    }

    /// Waits until what was asked for is in the kernel; what is asked for is on disk by then.
    private static func awaitState(
        of backend: String, in service: String, _ client: AdminClient, is wanted: (BackendCondition?) -> Bool
    ) async throws {
        for _ in 0..<looks {
            let answer = try await client.get("/v1/backends", as: BackendsAnswer.self)
            // An address that changed leaves two of one name for a while; the newest has the highest id.
            let newest = answer.backends.filter { $0.service == service && $0.name == backend }.max { $0.id < $1.id }
            if let newest, wanted(BackendCondition(rawValue: newest.state)) { return }
            try await Task.sleep(for: pause)
        }
        throw Failure(
            .failed, "\(service)/\(backend): noted, but not in the kernel yet",
            remedy: "see what keeps it:  sluicectl doctor")
    }

    /// How often, and how far apart, a change is looked for: five seconds in all.
    private static let looks = 100
    private static let pause = Duration.milliseconds(50)

    struct Row: Encodable {
        var service: String
        var backend: String
        var id: UInt16
        var address: String
        var port: UInt16
        var weight: UInt32
        var state: String
        var slots: Int
        var tableSize: Int
        var since: Int64?
        var reason: String?
    }

    struct Drain: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Give a backend no new flows; it keeps those it has until its drain time ends.")

        @Argument(help: "The service's name.") var service: String
        @Argument(help: "The backend's name, as 'backend list' prints it.") var backend: String
        @Option(help: .init("Why; kept beside the drain.", valueName: "text")) var reason = "by hand"
        @Option(
            name: .customLong("for"), help: .init("Lift it by itself after this time: 30m, 2h.", valueName: "time"))
        var time: String?
        @Flag(help: "Also where the service's brake would hold it back.") var force = false

        @OptionGroup var options: CommonOptions

        func run() async throws {
            let request = DrainRequest(
                service: service, backend: backend, reason: reason, expiry: try expiry(), force: force ? true : nil)
            let client = try AdminClient(host: options)
            let drain = try await client.post("/v1/drains", request, as: Admin.Drain.self)
            try await BackendCommand.awaitState(of: backend, in: service, client) { $0 == .draining }
            switch options.output {
            case .json: try printJSON(drain)
            case .table: Terminal.print("\(service)/\(backend) drains: no new flows; it keeps those it has\n")
            }
        }

        private func expiry() throws -> Int64? {
            try time.map { Int64(Date().timeIntervalSince1970) + (try TimeSpan.required($0, of: "--for")) }
        }
    }

    struct Enable: AsyncParsableCommand {
        private struct Answer: Encodable {
            var service: String
            var backend: String
            var enabled: Bool
        }

        static let configuration = CommandConfiguration(
            abstract: "Lift a drain: the backend takes new flows again.")

        @Argument(help: "The service's name.") var service: String
        @Argument(help: "The backend's name.") var backend: String
        @OptionGroup var options: CommonOptions

        func run() async throws {
            var query = URLComponents()
            query.path = "/v1/drains"
            query.queryItems = [
                URLQueryItem(name: "service", value: service), URLQueryItem(name: "backend", value: backend),
            ]
            guard let path = query.string else { throw Failure(.usage, "\(service)/\(backend): not a name") }
            let client = try AdminClient(host: options)
            try await client.delete(path)
            try await BackendCommand.awaitState(of: backend, in: service, client) { $0 != .draining }
            switch options.output {
            case .json: try printJSON(Answer(service: service, backend: backend, enabled: true))
            case .table: Terminal.print("\(service)/\(backend) takes new flows again\n")
            }
        }
    }
}

/// A whole number of seconds, minutes, hours or days.
enum TimeSpan {
    static func seconds(_ text: String) -> Int64? {
        let units: [Character: Int64] = ["s": 1, "m": 60, "h": 3600, "d": 86_400]
        guard let last = text.last, let unit = units[last], let count = Int64(text.dropLast()), count > 0,
            count < 100_000_000
        else { return nil }
        return count * unit
    }
}
