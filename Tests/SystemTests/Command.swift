// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport

/// A program that a story runs and waits for.
enum Command {
    struct Output: Sendable {
        var status: Int32
        var text: String
        var errors: String
    }

    /// Runs a program to its end, at most so many seconds; its status may be anything.
    static func output(
        _ arguments: [String], within seconds: Int = 60, environment: [String: String] = [:]
    ) async throws -> Output {
        let folder = try TemporaryDirectory()
        let settings = environment.isEmpty ? [] : ["env"] + environment.map { "\($0.key)=\($0.value)" }
        let process = try spawn(["timeout", "-k", "5", "\(seconds)"] + settings + arguments, folder.path)
        let status = await end(of: process)
        guard status != 124 else {
            throw SystemError(arguments.joined(separator: " "), cause: "not done in \(seconds) s")
        }
        return Output(
            status: status, text: try String(contentsOfFile: "\(folder.path)/output", encoding: .utf8),
            errors: try String(contentsOfFile: "\(folder.path)/errors", encoding: .utf8))
    }

    /// Foundation's `Process` waits for all that the program leaves behind too: a lab's servers, for one.
    private static func spawn(_ arguments: [String], _ folder: String) throws -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "\(folder)/output", O_WRONLY | O_CREAT, 0o600)
        posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "\(folder)/errors", O_WRONLY | O_CREAT, 0o600)
        // Threads of a task pool block nearly all signals, which a child would inherit.
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
        var words = arguments.map { strdup($0) } + [nil]
        defer { for word in words { free(word) } }
        var process = pid_t()
        let code = posix_spawnp(&process, arguments[0], &actions, &attributes, &words, environ)
        guard code == 0 else { throw SystemError("run \(arguments)", cause: "error \(code)") }
        return process
    }

    /// Waits on a thread of its own; answers the exit status, or 128 and the signal.
    private static func end(of process: pid_t) async -> Int32 {
        await withCheckedContinuation { continuation in
            Thread.detachNewThread {
                var status: Int32 = 0
                while waitpid(process, &status, 0) < 0 && errno == EINTR {}
                continuation.resume(returning: status & 0x7f == 0 ? status >> 8 & 0xff : 128 + status & 0x7f)
            }
        }
    }

    /// Runs a program that must succeed, and answers what it printed.
    @discardableResult
    static func run(
        _ arguments: [String], within seconds: Int = 60, environment: [String: String] = [:]
    ) async throws -> String {
        let output = try await output(arguments, within: seconds, environment: environment)
        guard output.status == 0 else {
            throw SystemError(
                arguments.joined(separator: " "), cause: "status \(output.status): \(output.errors)\(output.text)")
        }
        return output.text
    }
}

/// What a program printed as JSON. Keys in `snake_case` are read as camelCase.
enum JSON {
    static func read<Value: Decodable>(_ text: some StringProtocol, as: Value.Type) throws -> Value {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        do {
            return try decoder.decode(Value.self, from: Data(text.utf8))
        } catch {
            throw SystemError("read \(Value.self)", cause: "\(error) in: \(text.prefix(500))")
        }
    }
}

/// Waits until the condition holds, looking every 50 ms; throws with `what` after the deadline.
func until(
    _ what: String, within limit: Duration = .seconds(60), _ condition: () async throws -> Bool
) async throws {
    let deadline = ContinuousClock.now + limit
    while try await !condition() {
        guard ContinuousClock.now < deadline else { throw SystemError(what, cause: "not so within \(limit)") }
        try await Task.sleep(for: .milliseconds(50))
    }
}
