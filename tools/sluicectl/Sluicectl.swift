// SPDX-License-Identifier: Apache-2.0

import Admin
import ArgumentParser
import Coordination
import Documents
import Glibc
import Programs

/// `sluicectl`: nouns look and change nothing, verbs change.
@main
struct Sluicectl: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sluicectl",
        abstract: "See, explain and verify what the kernel does for each VIP.",
        discussion: """
            'map', 'flow', 'stats' and 'explain' read the kernel's maps and the state directory, and work while the daemon \
            is dead.
            Exit codes: 0 ok, 1 failed, 2 usage, 3 differences found, 4 daemon or store unreachable, 5 not leader or \
            fenced, 6 held back by the brake, 7 permission, 8 the kernel lacks something.
            """,
        version: Version.text,
        subcommands: [
            CheckCommand.self, PlanCommand.self, LockCommand.self, StoreCommand.self,
            ApplyCommand.self, ConfirmCommand.self, RollbackCommand.self, FreezeCommand.self,
            ThawCommand.self, GenerationCommand.self, HostCommand.self,
            ServiceCommand.self, BackendCommand.self, MapCommand.self, ExplainCommand.self, FlowCommand.self,
            RouteCommand.self, ListenerCommand.self, ConnectionCommand.self,
            StatsCommand.self, DoctorCommand.self, BenchCommand.self, TemplateCommand.self, UninstallCommand.self,
        ])

    static func main() async {
        do {
            if let failure = Misspelt.failure(in: Array(CommandLine.arguments.dropFirst())) { throw failure }
            var command = try parseAsRoot()
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch {
            end(with: error)
        }
    }

    /// Prints what went wrong and leaves with the code that says so.
    private static func end(with error: any Error) -> Never {
        switch error {
        case let failure as Failure:
            Terminal.error(failure.description)
            Glibc.exit(failure.status.rawValue)
        case let problems as Problems:
            Terminal.error(problems.description)
            Terminal.error(
                "\(problems.list.count) \(problems.list.count == 1 ? "error" : "errors"); nothing was changed")
            Glibc.exit(Admin.ExitCode.badDocument.rawValue)
        case let error as StoreError:
            end(with: Failure(error))
        default:
            if let code = Admin.ExitCode(of: error) {
                Terminal.error("\(error)")
                Glibc.exit(code.rawValue)
            }
            let code = exitCode(for: error)
            if code == .validationFailure {
                Terminal.error(fullMessage(for: error))
                Glibc.exit(Admin.ExitCode.usage.rawValue)
            }
            exit(withError: error)
        }
    }
}
