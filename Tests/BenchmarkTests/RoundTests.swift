// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Benchmark

@Suite struct `Rounds` {
    @Test func `a round's figures are less what measuring costs`() {
        let round = Round(nothing: 40, limit: 51, program: 62)
        #expect(round.net == 22)
        #expect(round.limitNet == 11)
        #expect(round.ratio == 2)
    }

    @Test func `the median is the whole round whose ratio is the middle one`() {
        let ratios: [Double] = [9, 2, 4, 1, 3]
        let rounds = ratios.map { Round(nothing: 10, limit: 20, program: 10 + 10 * $0) }
        #expect(rounds.median == Round(nothing: 10, limit: 20, program: 40))
    }

    @Test func `of an even number of rounds the lower of the two in the middle counts`() {
        #expect([4, 1, 3, 2].median { $0 } == 2)
        #expect([Int]().median { $0 } == nil)
    }

    @Test func `a limit that noise has made nothing of gives a finite ratio`() {
        #expect(Round(nothing: 40, limit: 39, program: 45).ratio.isFinite)
    }

    @Test func `figures are rounded for reading`() {
        #expect(rounded(2.123456) == 2.123)
        #expect(rounded(2.5, digits: 0) == 3)
    }
}
