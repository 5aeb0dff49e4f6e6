// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

@testable import Dataplane

/// Which of the prebuilt programs a kernel gets.
struct PrebuiltTests {
    private let folder: TemporaryDirectory

    init() throws {
        folder = try TemporaryDirectory()
        for program in PrebuiltProgram.allCases { try folder.write("", to: program.rawValue) }
    }

    @Test(arguments: [
        (Features.all, PrebuiltProgram.whole), (.all.subtracting(.fragments), .withoutFragments),
        (.all.subtracting([.fragments, .coarseClock]), .oldest), (.all.subtracting(.coarseClock), .oldest),
    ])
    func `a kernel gets the richest that it takes`(supported: Features, expected: PrebuiltProgram) {
        #expect(PrebuiltProgram.serving(supported, in: folder.path) == expected)
    }

    @Test func `where its file is missing no other stands in for it`() throws {
        try Shell.run("rm \(folder.path)/\(PrebuiltProgram.oldest.rawValue)")
        #expect(PrebuiltProgram.serving(.all.subtracting([.fragments, .coarseClock]), in: folder.path) == nil)
        #expect(PrebuiltProgram.serving(.all, in: folder.path) == .whole)
    }
}
