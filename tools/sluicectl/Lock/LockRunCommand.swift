// SPDX-License-Identifier: Apache-2.0

import Admin
import ArgumentParser
import Coordination
import Foundation
import Logging

/// `sluicectl lock run NAME -- CMD`: a command that runs only while a lock is held.
struct LockRunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Wait for a lock, run a command while it is held, and give it back.",
        discussion: """
            The command has the lock's name in SLUICE_LOCK and the fencing token in SLUICE_FENCE (and SLUICE_EPOCH): a \
            number above that of every holder before, which a resource that is written to should compare.
            When the lock is lost, the command and all of its process group get TERM, then KILL, before the store can \
            give the lock to another; that holds also where sluicectl itself is stopped or killed.
            Its exit code is passed on, 128 and the signal's number where one ended it. 5: the lock was not had in \
            time, or lost. Signals are passed on to the command.
            """)

    @Argument(help: "The lock's name: letters, digits and -_.:@") var name: String

    @Option(help: .init("How long the store keeps the lock for a holder that is silent: 15s.", valueName: "time"))
    var ttl = "15s"

    @Option(help: .init("Wait for the lock no longer than this; 0s: do not wait.", valueName: "time"))
    var wait: String?

    @Option(help: .init("Take no fencing token below this one; for a store that was put back.", valueName: "number"))
    var above: UInt64 = 0

    @OptionGroup var store: StoreOptions
    @OptionGroup var options: CommonOptions

    @Argument(parsing: .postTerminator, help: .init("The command and its arguments, after --.", valueName: "command"))
    var command: [String] = []

    func validate() throws {
        guard !command.isEmpty else {
            throw ArgumentParser.ValidationError("name the command after --:  sluicectl lock run \(name) -- CMD")
        }
    }

    func run() async throws {
        guard let seconds = TimeSpan.seconds(ttl) else { throw Failure(.usage, "--ttl \(ttl): write 15s or 1m") }
        let patience = try wait.map(Self.patience)
        let place = try store.place(options)
        let job = LockedJob(
            lock: try LockName(name), text: name, command: command,
            timing: try LeaseTiming(lease: .seconds(seconds)), above: above, patience: patience)
        let end = try await place.withLocks { store in try await job.run(in: store) }
        if let failure = end.failure { throw failure }
        throw ArgumentParser.ExitCode(end.status)
    }

    private static func patience(_ text: String) throws -> Duration {
        if text == "0s" || text == "0" { return .zero }
        guard let seconds = TimeSpan.seconds(text) else { throw Failure(.usage, "--wait \(text): write 30s or 5m") }
        return .seconds(seconds)
    }
}
