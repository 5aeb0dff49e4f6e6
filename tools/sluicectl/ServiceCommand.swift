// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Dataplane
import Foundation
import Model
import Reconciler

/// `sluicectl service list|show`.
struct ServiceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "service", abstract: "See services.", subcommands: [List.self, Show.self, WhyCommand.self],
        defaultSubcommand: List.self)

    struct Row: Encodable {
        var service: String
        var vip: String
        var forward: String
        var active: Int
        var draining: Int
        var down: Int
        var packetsPerSecond: Double?
        var newFlowsPerSecond: Double?
        /// In force.
        var generation: String
        var accepted: String
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "All services of this host, a line each.")

        @OptionGroup var options: CommonOptions

        func run() async throws {
            let state = try LocalState(options)
            let rates = try await Self.rates(state)
            let rows = state.generation.services.map { Self.row($0, state, rates[$0.id]) }
            switch options.output {
            case .json: try printJSON(rows)
            case .table: Terminal.print(Self.table(rows) + state.changeText)
            }
        }

        /// None where the kernel holds nothing yet.
        private static func rates(_ state: LocalState) async throws -> [ServiceID: Rates.Rate] {
            let kernel: KernelState
            do {
                kernel = try Reach.kernel(of: state.host)
            } catch let failure as Failure where failure.status == .unreachable {
                Terminal.error("warning: nothing of this is in the kernel: \(failure)")
                return [:]
            } catch {
                Terminal.error("warning: no counters: \(error)")
                return [:]
            }
            return try await Rates.measure(state.generation.services, kernel)
        }

        private static func row(_ placed: PlacedService, _ state: LocalState, _ rate: Rates.Rate?) -> Row {
            let counts = placed.conditions(down: state.down)
            let isTCP = placed.service.vip.transport == .tcp
            return Row(
                service: placed.service.name, vip: "\(placed.service.vip)", forward: placed.service.forwarding.rawValue,
                active: counts[.active] ?? 0, draining: counts[.draining] ?? 0, down: counts[.down] ?? 0,
                packetsPerSecond: rate?.packets,
                newFlowsPerSecond: isTCP ? rate?.newFlows : nil, generation: state.mark,
                accepted: state.accepted.mark)
        }

        private static func table(_ rows: [Row]) -> String {
            var table = TextTable([
                .left("SERVICE"), .left("VIP"), .left("FORWARD"), .right("ACTIVE"), .right("DRAINING"), .right("DOWN"),
                .right("PACKETS/S"), .right("NEW FLOWS/S"), .left("GENERATION"),
            ])
            for row in rows {
                table.add(
                    row.service, row.vip, row.forward, "\(row.active)", "\(row.draining)", "\(row.down)",
                    row.packetsPerSecond.map { Units.count($0) } ?? "-",
                    row.newFlowsPerSecond.map { Units.count($0) } ?? "-", row.generation)
            }
            return table.text
        }
    }

    struct Show: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "One service with its policy, backends and slots.")

        @Argument(help: "The service's name.") var name: String
        @OptionGroup var options: CommonOptions

        func run() throws {
            let state = try LocalState(options)
            let placed = try state.service(named: name)
            let facts = Facts(placed, state)
            switch options.output {
            case .json: try printJSON(facts)
            case .table: Terminal.print(facts.text)
            }
        }
    }

    struct Facts: Encodable {
        var service: String
        var notation: String
        var id: UInt16
        var forward: String
        var tableSize: Int
        var hash: String
        var udp: String
        var onDown: String
        var drainSeconds: Int64
        var flowIdleSeconds: Int64
        var allow: [String]
        var deny: [String]
        var brake: String
        var isSettled: Bool
        var isIsolated: Bool
        var generation: String

        init(_ placed: PlacedService, _ state: LocalState) {
            let service = placed.service
            self.service = service.name
            notation = "\(Notation(placed, down: state.down))"
            id = placed.id.rawValue
            forward = service.forwarding.rawValue
            tableSize = service.tableSize.slots
            hash = service.flowKey.rawValue
            udp = service.udp.rawValue
            onDown = service.onDown.rawValue
            drainSeconds = service.drain.components.seconds
            flowIdleSeconds = service.flowIdle.components.seconds
            allow = service.allow.map(\.description)
            deny = service.deny.map(\.description)
            brake = "min-active \(service.brake.minimumActive), max-removed \(service.brake.maximumRemoved)%"
            isSettled = placed.isSettled
            isIsolated = placed.activeMembers(less: state.down).isolated
            generation = state.mark
        }

        var text: String {
            let isolation = isIsolated ? "\nisolated  the brake holds back what this host's probes see down" : ""
            return """
                \(notation)
                service   \(service), id \(id), generation \(generation)
                forward   \(forward), \(tableSize) slots, hash \(hash), udp \(udp), on-down \(onDown)
                drain     \(Units.age(seconds: drainSeconds)), flow-idle \(Units.age(seconds: flowIdleSeconds))
                access    allow \(allow.isEmpty ? "all" : allow.joined(separator: ", ")), \
                deny \(deny.isEmpty ? "none" : deny.joined(separator: ", "))
                brake     \(brake)
                settled   \(isSettled ? "yes: no flow needs a record" : "no: flows older than the last change keep their backend")\(isolation)

                """
        }
    }
}
