// SPDX-License-Identifier: Apache-2.0

import Admin
import ArgumentParser
import Documents
import Glibc

/// `sluiced`: the daemon. `sluiced decap` is a backend's side of the tunnel.
@main
struct Sluiced: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sluiced", abstract: "Steer the packets of each VIP to its backends, in the kernel.",
        discussion: """
            SIGHUP has it read the services document at once; it also sees by itself when the file changes. SIGTERM ends \
            it: program, maps and links stay in the kernel, packets go on, and the next start adopts them.
            Exit codes: 0 ended as it was told to, 1 failed, 2 usage, 4 store unreachable, 7 permission, 8 the kernel \
            lacks something.
            """,
        version: Version.text, subcommands: [Run.self, Decap.self, WorkerCommand.self], defaultSubcommand: Run.self)

    /// On the main actor, as its first part must find the process with one thread.
    @MainActor static func main() async {
        do {
            var command = try parseAsRoot()
            if let daemon = command as? Run {
                // Before all else: until it is listened to, a reload that is asked for must not end the process.
                Reload.holdBack()
                try daemon.prepare()
            }
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch {
            end(with: error)
        }
    }

    /// Says what went wrong, and leaves with the code that stands for it.
    private static func end(with error: any Error) -> Never {
        if let problems = error as? Problems {
            let count = "\(problems.list.count) \(problems.list.count == 1 ? "error" : "errors")"
            leave("\(problems)\n\(count); nothing was changed", .badDocument)
        }
        if let failure = StartFailure(error) { leave(failure.description, failure.code) }
        if exitCode(for: error) == .validationFailure { leave(fullMessage(for: error), .usage) }
        exit(withError: error)
    }

    private static func leave(_ message: String, _ code: Admin.ExitCode) -> Never {
        let bytes = Array((message + "\n").utf8)
        _ = write(STDERR_FILENO, bytes, bytes.count)
        Glibc.exit(code.rawValue)
    }

    struct Run: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Run the daemon. What it put into the kernel stays when it ends.")

        @Option(
            name: .shortAndLong, help: .init("The host's configuration.", valueName: "file"), completion: .file())
        var config = "/etc/sluice/sluiced.yaml"

        /// What needs all of root's power, and giving it up. Capabilities belong to threads, so before the first is begun.
        func prepare() throws {
            try Daemon.requireRoot("sluiced")
            try Daemon(host: try HostConfiguration.load(path: config)).prepare()
        }

        func run() async throws {
            try await Daemon(host: try HostConfiguration.load(path: config)).run()
        }
    }
}
