// SPDX-License-Identifier: Apache-2.0

import Admin
import ArgumentParser
import Diagnosis
import Foundation

/// `sluicectl host list|forget`.
struct HostCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "host", abstract: "See the fleet's hosts, and forget those that are gone.",
        subcommands: [List.self, Forget.self], defaultSubcommand: List.self)

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "What each host of the fleet has applied, and what it sees down.")

        @OptionGroup var options: CommonOptions

        func run() async throws {
            let fleet = try await AdminClient(host: options).get("/v1/fleet", as: FleetAnswer.self)
            switch options.output {
            case .json: try printJSON(fleet)
            case .table: Terminal.print(Self.table(fleet.hosts) + Self.summary(fleet))
            }
        }

        private static func table(_ hosts: [FleetAnswer.Host]) -> String {
            var table = TextTable([
                .left("HOST"), .left("STATE"), .left("GENERATION"), .right("BEHIND"), .left("MAPS"), .left("VERIFY"),
                .left("DOWN"),
            ])
            for host in hosts {
                let generation = host.epoch.flatMap { epoch in host.number.map { "\(epoch).\($0)" } }
                table.add(
                    host.name, Self.state(host), generation ?? "-", host.behind.map { "\($0)" } ?? "-",
                    host.fleetDigest.map { String($0.prefix(12)) } ?? "-", host.verify ?? "-", Self.down(host))
            }
            return table.text
        }

        private static func state(_ host: FleetAnswer.Host) -> String {
            guard let live = host.live else { return host.leads ? "leads" : "?" }
            return live ? host.leads ? "leads" : "follows" : "silent"
        }

        private static func down(_ host: FleetAnswer.Host) -> String {
            let isolated = host.isolated.isEmpty ? [] : ["(isolated: \(host.isolated.joined(separator: " ")))"]
            let problem = host.problem.map { ["(\($0))"] } ?? []
            let words = host.down + isolated + problem
            return words.isEmpty ? "-" : words.joined(separator: " ")
        }

        /// Of the last rollout: who or what decided it.
        private static func end(of rollout: FleetAnswer.Rollout?) -> [String] {
            guard let rollout, rollout.state != "canary" else { return [] }
            let age = Units.age(seconds: Int64(Date().timeIntervalSince1970) - rollout.at)
            let what = rollout.state == "rolledBack" ? "ROLLED BACK" : "confirmed"
            // The reason repeats the verb where a person decided.
            let reason = rollout.reason ?? what
            let isPerson = reason.hasPrefix("rolled back by ") || reason.hasPrefix("confirmed by ")
            let end = isPerson ? reason : "\(what): \(reason)"
            return ["last rollout, begun \(age) ago by \(rollout.author): \(end)"]
        }

        private static func summary(_ fleet: FleetAnswer) -> String {
            var lines: [String] = []
            let generation = fleet.generation.map { "generation \($0.epoch).\($0.number)" } ?? "no generation yet"
            lines.append(
                "fleet \(fleet.fleet): \(generation), \(fleet.leader.map { "led by \($0)" } ?? "nobody leads"), "
                    + "epoch \(fleet.epoch), \(fleet.store)")
            if fleet.identity == nil {
                lines.append("the store is empty: nobody leads, nothing is published; hosts go on with what they have")
                lines.append("new fleet: sluicectl store restore --new   lost: sluicectl store restore --from HOST")
            } else if fleet.leader == nil {
                lines.append("NOBODY LEADS: nothing is published; hosts go on with what they have.  sluicectl doctor")
            }
            if let desired = fleet.desired {
                let age = Units.age(seconds: Int64(Date().timeIntervalSince1970) - desired.at)
                lines.append("desired: version \(desired.version) by \(desired.author), \(age) ago")
            }
            if let rollout = fleet.rollout, rollout.state == "canary" {
                let end = rollout.remaining.map { ", rolled back in \(Units.age(seconds: $0))" } ?? ""
                let hosts = rollout.hosts.isEmpty ? "all hosts" : rollout.hosts.joined(separator: ", ")
                lines.append("unconfirmed on \(hosts)\(end).  sluicectl confirm  or  sluicectl rollback")
            }
            lines += Self.end(of: fleet.rollout)
            if let frozen = fleet.frozen {
                lines.append("FROZEN: \(frozen).  Go on: \(FrozenFleet.remedy(frozen))")
            }
            if fleet.hosts.contains(where: { $0.live == nil && !$0.leads }) {
                lines.append("?: not known yet whether it lives; ask again in half a minute")
            }
            lines += fleet.held.map { "WARN  \($0)" }
            return lines.joined(separator: "\n") + "\n"
        }
    }

    struct Forget: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Remove the report of a host that is gone for good; one that lives reports again.")

        @Argument(help: "The host's name, as 'host list' prints it.") var name: String

        @OptionGroup var options: CommonOptions

        func run() async throws {
            var query = URLComponents()
            query.path = "/v1/hosts"
            query.queryItems = [URLQueryItem(name: "name", value: name)]
            guard let path = query.string else { throw Failure(.usage, "\(name): not a name") }
            try await AdminClient(host: options).delete(path)
            try options.printDone("\(name): forgotten", "forgotten")
        }
    }
}
