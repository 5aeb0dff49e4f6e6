// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Coordination

/// `sluicectl lock run|status`: locks for anyone, in the fleet's store or any other.
struct LockCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lock", abstract: "Run a command while holding a lock, and see who holds one.",
        subcommands: [LockRunCommand.self, Status.self, LockGuardCommand.self])

    struct Status: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Who holds a lock, and its fencing token; without a name, the fleet's leader.")

        @Argument(help: "Names of locks.") var names: [String] = []
        @OptionGroup var store: StoreOptions
        @OptionGroup var options: CommonOptions

        func run() async throws {
            let place = try store.place(options)
            let names = names
            let rows = try await place.withLocks { locks in
                var rows: [Row] = []
                for lock in try names.isEmpty ? [LockName.leader] : names.map({ try LockName($0) }) {
                    rows.append(Row(lock, try await locks.status(of: lock), at: locks.place))
                }
                return rows
            }
            guard options.output == .table else { return try printJSON(rows) }
            var table = TextTable([.left("LOCK"), .left("HELD BY"), .right("FENCE"), .left("STORE")])
            for row in rows { table.add(row.lock, row.holder ?? "nobody", "\(row.fence)", row.store) }
            Terminal.print(table.text)
        }
    }

    struct Row: Encodable {
        var lock: String
        /// The host; nil where it is free.
        var holder: String?
        /// The fencing token of the latest holding; 0 where there was none.
        var fence: UInt64
        var store: String

        init(_ lock: LockName, _ status: LockStatus, at store: String) {
            self.lock = "\(lock)"
            holder = status.holder?.host
            fence = status.epoch
            self.store = store
        }
    }
}
