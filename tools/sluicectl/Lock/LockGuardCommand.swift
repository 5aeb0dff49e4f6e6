// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Coordination
import Glibc

/// `sluicectl lock guard`: what `lock run` starts between itself and the command; not for people.
struct LockGuardCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "guard", shouldDisplay: false)

    @Option var closesAt: Int64
    @Option var grace: Int64
    @Flag var terminal = false
    @Argument(parsing: .postTerminator) var command: [String]

    func run() throws {
        let lock = LockGuard(
            closesAt: .nanoseconds(closesAt), grace: .nanoseconds(grace), hasTerminal: terminal)
        Glibc.exit(lock.run(command))
    }
}
