// SPDX-License-Identifier: Apache-2.0

import Admin
import Coordination
import Programs

/// Ends the command: what went wrong and, where it is known, what to type.
struct Failure: Error, CustomStringConvertible {
    var status: Admin.ExitCode
    var message: String
    var remedy: String

    init(_ status: Admin.ExitCode, _ message: String, remedy: String = "") {
        self.status = status
        self.message = message
        self.remedy = remedy
    }

    init(_ problem: Admin.Problem) { self.init(problem.exitCode, problem.error, remedy: problem.remedy) }

    init(_ error: StoreError) { self.init(Admin.Problem(error)) }

    var description: String { remedy.isEmpty ? message : "\(message)\n  \(remedy)" }
}
