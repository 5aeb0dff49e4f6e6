// SPDX-License-Identifier: Apache-2.0

import CDataplane
import Model
import Testing

@testable import Dataplane

/// Slots as `current/previous`, with `!` where unsettled; backends a = 1, b = 2, c = 3, `x` = 9 is gone, `-` is none.
@Suite struct SlotRulesTests {
    private static let ids: [Character: UInt16] = ["a": 1, "b": 2, "c": 3, "x": 9, "-": 0]

    private func word(_ text: String) throws -> SlotWord {
        let letters = Array(text)
        let current = try #require(Self.ids[letters[0]])
        let previous = try #require(Self.ids[letters[2]])
        return SlotWord(current: current, previous: previous, unsettled: letters.last == "!")
    }

    private func rules(_ down: DownPolicy = .keep) throws -> (SlotRules, UInt16) {
        var fleet = Fleet()
        fleet.adjust = { $0.onDown = down }
        let generation = try fleet.next(["web 10.9.9.9:80/tcp -> a, b, c"])
        let image = try Host.image(generation, down: down == .rehash ? [BackendID(rawValue: 1)] : [])
        return (SlotRules(image.services), image.services[0].id)
    }

    @Test(
        "a slot in force goes from what it holds and what it shall hold",
        arguments: [
            ("a/a", "a", "a/a"),  // nothing to do
            ("a/a", "b", "b/a!"),  // a change: the old one is previous
            ("b/a!", "c", "c/a!"),  // another: previous is from when it last settled
            ("b/a!", "a", "a/a!"),  // back again: flows of b have records
            ("b/a!", "b", "b/a!"),
            ("x/x", "a", "a/a"),  // nobody to go back to
            ("b/x!", "b", "b/b!"),  // its drain deadline has passed; records of a third may live
            ("b/x!", "c", "c/c!"),
            ("x/a!", "b", "b/a!"),
            ("-/-", "a", "a/a"),
            ("a/a", "-", "-/a!"),  // all drain: old flows go on
            ("-/a!", "a", "a/a!"),
        ])
    func change(held: String, wanted: String, becomes: String) throws {
        let (rules, service) = try rules()
        let current = try #require(Self.ids[Character(wanted)])
        #expect(rules.next(try word(held), current: current, service: service) == (try word(becomes)))
    }

    @Test func `a fresh slot takes its previous backend from the settled membership if that is still there`() throws {
        let (rules, service) = try rules()
        #expect(rules.fresh(current: 1, previous: 2, service: service) == (try word("a/b!")))
        #expect(rules.fresh(current: 1, previous: 1, service: service) == (try word("a/a")))
        #expect(rules.fresh(current: 1, previous: 9, service: service) == (try word("a/a")))
    }

    @Test func `with rehash a backend that is down keeps no flow`() throws {
        let (rules, service) = try rules(.rehash)
        #expect(rules.next(try word("a/a"), current: 2, service: service) == (try word("b/b")))
        #expect(rules.next(try word("b/a!"), current: 2, service: service) == (try word("b/b!")))
    }
}

@Suite struct SettlingTests {
    private let idle: UInt32 = 3600
    private var late: UInt32 { 5000 + idle + UInt32(SETTLE_MARGIN) }
    private let mark = SlotWord(current: 1, previous: 2, unsettled: true).rawValue

    @Test func `a line settles when its stamp is older than flow-idle, and not before`() {
        let words = [UInt32](repeating: mark, count: 16)
        let times = [line_times(used: 5000, changed: 5000)]
        let early = Settling(words: words, times: times, firstLine: 64, flowIdle: idle, now: late - 1)
        #expect(early.writes.isEmpty && early.remaining == 16)
        let settled = Settling(words: words, times: times, firstLine: 64, flowIdle: idle, now: late)
        #expect(settled.remaining == 0)
        #expect(settled.writes.map(\.slot) == (1024..<1040).map { UInt32($0) })
        #expect(settled.writes.allSatisfy { SlotWord(rawValue: $0.word) == SlotWord(settled: 1) })
    }

    @Test func `lines settle one by one, the last of them not full`() {
        let words = [UInt32](repeating: mark, count: 19)
        let times = [line_times(used: late, changed: 5000), line_times(used: 5000, changed: 5000)]
        let settling = Settling(words: words, times: times, firstLine: 0, flowIdle: idle, now: late)
        #expect(settling.writes.map(\.slot) == [16, 17, 18])
        #expect(settling.remaining == 16)
    }

    @Test func `a stamp from after the clock was read is not old`() {
        let times = [line_times(used: late + 1, changed: 0)]
        let settling = Settling(words: [mark], times: times, firstLine: 0, flowIdle: idle, now: late)
        #expect(settling.writes.isEmpty && settling.remaining == 1)
    }
}
