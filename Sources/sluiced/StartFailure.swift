// SPDX-License-Identifier: Apache-2.0

import Admin
import Programs

/// What kept the daemon from starting or going on, in one line.
struct StartFailure: Error, CustomStringConvertible {
    let description: String
    let code: ExitCode

    init(description: String, code: ExitCode = .failed) {
        self.description = description
        self.code = code
    }

    /// Another part's failure, with the code that stands for it; nil of errors that are not this program's own.
    init?(_ error: any Error) {
        if let failure = error as? StartFailure {
            self = failure
        } else if let code = Self.code(of: error) {
            self.init(description: "sluiced: \(error)", code: code)
        } else {
            return nil
        }
    }

    /// Nil where the error does not say.
    static func code(of error: any Error) -> ExitCode? {
        switch error {
        case let failure as StartFailure: failure.code
        case let failure as Privileges.Failure: failure.code
        default: ExitCode(of: error)
        }
    }

    /// Names what was tried, beside what went wrong.
    ///
    /// - Parameter code: of failures that say nothing more exact.
    static func attempt<Value>(
        _ what: String, code: ExitCode = .failed, _ body: () async throws -> Value
    ) async throws -> Value {
        do {
            return try await body()
        } catch let failure as StartFailure {
            throw failure
        } catch {
            let exact = Self.code(of: error) ?? .failed
            throw StartFailure(description: "sluiced: \(what): \(error)", code: exact == .failed ? code : exact)
        }
    }
}
