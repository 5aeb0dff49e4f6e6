// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Documents
import Glibc

/// `sluiced`: the daemon. `sluiced decap` is a backend's side of the tunnel.
@main
struct Sluiced: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sluiced", abstract: "Steer the packets of each VIP to its backends, in the kernel.",
        version: Version.text, subcommands: [Run.self, Decap.self], defaultSubcommand: Run.self)

    /// On the main actor, as its first part must find the process with one thread.
    @MainActor static func main() async {
        do {
            var command = try parseAsRoot()
            if let daemon = command as? Run { try daemon.prepare() }
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch let problems as Problems {
            fail(
                "\(problems)\n\(problems.list.count) \(problems.list.count == 1 ? "error" : "errors"); nothing was changed"
            )
        } catch let failure as StartFailure {
            fail(failure.description, code: failure.code)
        } catch {
            let code = exitCode(for: error)
            if code == .validationFailure { fail(fullMessage(for: error), code: 2) }
            exit(withError: error)
        }
    }

    private static func fail(_ message: String, code: Int32 = 1) -> Never {
        let bytes = Array((message + "\n").utf8)
        _ = write(STDERR_FILENO, bytes, bytes.count)
        Glibc.exit(code)
    }

    struct Run: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Run the daemon. What it put into the kernel stays when it ends.")

        @Option(name: .shortAndLong, help: "The host's configuration.", completion: .file())
        var config = "/etc/sluice/sluiced.yaml"

        /// What needs all of root's power, and giving it up. Capabilities belong to threads, so before the first is begun.
        func prepare() throws {
            try Daemon(host: try HostConfiguration.load(path: config)).prepare()
        }

        func run() async throws {
            try await Daemon(host: try HostConfiguration.load(path: config)).run()
        }
    }
}

/// What kept the daemon from starting, in one line.
struct StartFailure: Error, CustomStringConvertible {
    let description: String
    /// The exit code: the same list as sluicectl's.
    var code: Int32 = 1

    /// Names what was tried, beside what went wrong.
    static func attempt<Value>(_ what: String, _ body: () async throws -> Value) async throws -> Value {
        do { return try await body() } catch let failure as StartFailure {
            throw failure
        } catch { throw StartFailure(description: "sluiced: \(what): \(error)") }
    }
}
