// SPDX-License-Identifier: Apache-2.0

import Admin
import ArgumentParser
import Dataplane
import Documents
import Model
import Reconciler

/// `sluicectl map list|show|dump`, and `verify`: the kernel's maps.
struct MapCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "map", abstract: "See what the kernel's maps hold, and whether it is what it should be.",
        subcommands: [List.self, Show.self, Dump.self, VerifyCommand.self], defaultSubcommand: List.self)

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "The maps, their sizes and memory.")

        @OptionGroup var options: CommonOptions

        func run() throws {
            let kernel = try Reach.kernel(of: try options.host())
            let maps = try kernel.mapFacts()
            guard options.output == .table else { return try printJSON(maps.map(Row.init)) }
            var table = TextTable([
                .left("MAP"), .left("TYPE"), .right("KEY"), .right("VALUE"), .right("ENTRIES"), .right("MEMORY"),
            ])
            for map in maps {
                table.add(
                    map.name, map.type, "\(map.keySize) B", "\(map.valueSize) B", "\(map.maxEntries)",
                    Units.bytes(map.memory))
            }
            Terminal.print(table.text)
            Terminal.print("\(maps.count) maps, \(Units.bytes(maps.reduce(0) { $0 + $1.memory }))\n")
        }

        private struct Row: Encodable {
            var name: String
            var type: String
            var keySize: Int
            var valueSize: Int
            var maxEntries: Int
            var memoryBytes: UInt64

            init(_ facts: MapFacts) {
                name = facts.name
                type = facts.type
                keySize = facts.keySize
                valueSize = facts.valueSize
                maxEntries = facts.maxEntries
                memoryBytes = facts.memory
            }
        }
    }

    struct Show: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "The VIPs in force with their tables, as the kernel has them.")

        @OptionGroup var options: CommonOptions

        func run() throws {
            let view = try TableView(options)
            let rows = view.rows()
            guard options.output == .table else { return try printJSON(rows) }
            var table = TextTable([
                .left("VIP"), .left("SERVICE"), .right("SLOTS"), .right("UNSETTLED"), .left("BACKEND"),
                .right("CURRENT"),
                .right("SHARE"), .right("PREVIOUS"),
            ])
            for row in rows {
                table.add(
                    row.vip, row.service, "\(row.slots)", "\(row.unsettled)", row.backend, "\(row.current)",
                    Units.percent(row.current, of: row.slots), "\(row.previous)")
            }
            Terminal.print(table.text)
        }
    }

    struct Dump: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Every slot of a service's table, a line each: slot, current, previous, mark.")

        @Argument(help: "The service's name.") var service: String
        @OptionGroup var options: CommonOptions

        func run() throws {
            let view = try TableView(options)
            let slots = try view.slots(of: service)
            guard options.output == .table else { return try printJSON(slots) }
            var text = ""
            for slot in slots {
                text += "\(slot.slot) \(slot.current) \(slot.previous) \(slot.isUnsettled ? "unsettled" : "settled")\n"
                if text.utf8.count > 65_536 {
                    Terminal.print(text)
                    text = ""
                }
            }
            Terminal.print(text)
        }
    }
}

/// The kernel's tables with the names that the state directory gives.
struct TableView {
    private let kernel: KernelState
    private let generation: Generation?

    struct Row: Encodable {
        var vip: String
        var service: String
        var slots: Int
        var unsettled: Int
        var backend: String
        var current: Int
        var previous: Int
    }

    struct SlotRow: Encodable {
        var slot: Int
        var current: String
        var previous: String
        var isUnsettled: Bool
    }

    init(_ options: CommonOptions) throws {
        let host = try options.host()
        kernel = try Reach.kernel(of: host)
        generation = HostState.look(at: host.directories.state).inForce?.generation
    }

    func rows() -> [Row] { kernel.vips().flatMap(rows) }

    private func rows(of entry: VIPEntry) -> [Row] {
        let slots = kernel.slots(of: entry)
        var current: [BackendID?: Int] = [:]
        var previous: [BackendID?: Int] = [:]
        for slot in slots {
            current[slot.current, default: 0] += 1
            if slot.isUnsettled { previous[slot.previous, default: 0] += 1 }
        }
        let unsettled = slots.count { $0.isUnsettled }
        return Set(current.keys).union(previous.keys).sorted { ($0?.rawValue ?? 0) < ($1?.rawValue ?? 0) }.map { id in
            Row(
                vip: "\(entry.vip)", service: name(entry.service), slots: slots.count, unsettled: unsettled,
                backend: name(id, in: entry.service), current: current[id] ?? 0, previous: previous[id] ?? 0)
        }
    }

    func slots(of service: String) throws -> [SlotRow] {
        guard let placed = generation?.service(named: service),
            let entry = kernel.vips().first(where: { $0.service == placed.id })
        else { throw Failure(.failed, "no service '\(service)' is in force", remedy: "see  sluicectl map show") }
        return kernel.slots(of: entry).enumerated().map { index, slot in
            SlotRow(
                slot: index, current: name(slot.current, in: entry.service),
                previous: name(slot.previous, in: entry.service), isUnsettled: slot.isUnsettled)
        }
    }

    private func name(_ service: ServiceID) -> String {
        generation?.services.first { $0.id == service }?.service.name ?? "id \(service.rawValue)"
    }

    private func name(_ backend: BackendID?, in service: ServiceID) -> String {
        guard let backend else { return "none" }
        let placed = generation?.services.first { $0.id == service }
        return placed?.backends.first { $0.id == backend }?.backend.name ?? "id \(backend.rawValue)"
    }
}
