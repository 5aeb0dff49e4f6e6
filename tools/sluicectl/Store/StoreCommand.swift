// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Coordination

/// `sluicectl store status|backup|restore|copy`: the fleet's store as a whole.
struct StoreCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "store", abstract: "See the fleet's store, keep it in a file, and put it back.",
        subcommands: [Status.self, StoreBackupCommand.self, StoreRestoreCommand.self, StoreCopyCommand.self])

    struct Status: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Whose store it is, who leads, what lies in it, and what is not as it should be with it.",
            discussion: "Ends with 3 where something is not as it should be, 4 where the store is empty or away.")

        @OptionGroup var store: StoreOptions
        @OptionGroup var options: CommonOptions

        func run() async throws {
            let facts = try await store.fleetPlace(options).withStore { try await StoreFacts(of: $0) }
            switch options.output {
            case .json: try printJSON(facts)
            case .table: Terminal.print(facts.text)
            }
            if facts.identity == nil { throw Failure(StoreError.empty(place: facts.place)) }
            if !facts.problems.isEmpty { throw ArgumentParser.ExitCode(3) }
        }
    }
}

/// What there is to know of a store.
struct StoreFacts: Encodable {
    var place: String
    var identity: String?
    var version: String?
    var bytes: UInt64?
    /// The highest that led.
    var epoch: UInt64
    var leader: String?
    /// Digest of what is published.
    var current: String?
    /// Keys by kind.
    var keys: [String: Int]
    /// Fencing tokens of named locks.
    var locks: [String: UInt64]
    var problems: [String]

    init(of store: any FleetStore) async throws {
        let health = try await store.health()
        let view = try await store.view()
        place = store.place
        identity = view.identity?.description
        version = health.version
        bytes = health.bytes
        problems = health.problems
        epoch = view.epoch
        current = view.current?.digest
        leader = try await store.status(of: .leader).holder?.host
        locks = try await store.lockEpochs()
        keys = [
            "overrides": try await store.documents(.overrides).count, "hosts": try await store.documents(.hosts).count,
            "blobs": try await store.blobs().count, "locks": locks.count,
            "current": view.current == nil ? 0 : 1, "desired": try await store.read(.desired) == nil ? 0 : 1,
            "rollout": try await store.read(.rollout) == nil ? 0 : 1,
        ]
    }

    var text: String {
        let size = bytes.map { Units.bytes($0) } ?? "unknown"
        let shown = ["current", "desired", "rollout", "overrides", "hosts", "blobs", "locks"]
        let counts = shown.map { "\($0) \(keys[$0] ?? 0)" }.joined(separator: ", ")
        let lines = [
            ("store", place + (version.map { ", version \($0)" } ?? "")), ("identity", identity ?? "none: it is empty"),
            ("epoch", "\(epoch), " + (leader.map { "\($0) leads" } ?? "nobody leads")),
            ("current", current.map { String($0.prefix(12)) } ?? "nothing is published"), ("size", size),
            ("keys", counts),
        ]
        let problems = problems.isEmpty ? [("health", "ok")] : problems.map { ("WARN", $0) }
        return (lines + problems).map { name, text in
            name + String(repeating: " ", count: 10 - name.count) + text + "\n"
        }.joined()
    }
}
