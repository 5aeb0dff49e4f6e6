// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// In CI nothing may be skipped: `tools/test` demands there what tests say they need.
struct RequirementTests {
    @Test func `with CI=true all is demanded that any test requires`() throws {
        let script = try String(contentsOfFile: "\(RepositoryRoot.path)/tools/test", encoding: .utf8)
        let lists = script.matches(of: #/ALL_NEEDED\+?=(\S+)/#).map(\.output.1)
        let demanded = Set(lists.flatMap { $0.split(separator: ",") }.map(String.init))
        let required = try requiredByTests()
        #expect(required.count > 10, "\(required)")
        #expect(required.subtracting(demanded) == [])
    }

    /// The words in every `.requires(...)`.
    private func requiredByTests() throws -> Set<String> {
        let folder = "\(RepositoryRoot.path)/Tests"
        let files = try FileManager.default.subpathsOfDirectory(atPath: folder).filter { $0.hasSuffix(".swift") }
        var names: Set<String> = []
        for file in files {
            let text = try String(contentsOfFile: "\(folder)/\(file)", encoding: .utf8)
            for match in text.matches(of: #/\.requires\(([^)]*)\)/#) {
                names.formUnion(match.output.1.matches(of: #/"([a-z0-9-]+)"/#).map { String($0.output.1) })
            }
        }
        return names
    }
}
