// SPDX-License-Identifier: Apache-2.0

import Testing

/// A document, and all that is said of it.
struct Bad: Sendable, CustomTestStringConvertible {
    let document: String
    let problems: String

    /// Told a line a problem.
    init(_ document: String, _ problems: String...) {
        self.document = document
        self.problems = problems.joined(separator: "\n")
    }

    var testDescription: String { problems }
}
