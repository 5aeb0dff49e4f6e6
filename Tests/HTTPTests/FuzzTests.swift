// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

struct FuzzTests {
    @Test(arguments: FuzzEntry.allCases)
    func `whatever octets come, no parser breaks its promises`(entry: FuzzEntry) throws {
        try Fuzzing(entry.rawValue, seeds: entry.seeds).search(entry.fault)
    }

    @Test(arguments: FuzzEntry.allCases)
    func `the corpus has every seed`(entry: FuzzEntry) throws {
        try #expect(Fuzzing(entry.rawValue, seeds: entry.seeds).missing() == [])
    }
}
