// SPDX-License-Identifier: Apache-2.0

import ConsulAPI
import Testing

/// Dialogues: what is answered, what is new, what is asked next.
@Suite struct WatchStateTests {
    private typealias State = WatchState<[String]>

    private func answer(
        _ payload: [String]?, index: UInt64? = 1, lastContact: Duration = .zero, knownLeader: Bool = true,
        filtered: Bool = false
    ) -> WatchAnswer<[String]> {
        WatchAnswer(
            payload: payload, isEmpty: payload?.isEmpty ?? true, index: index, knownLeader: knownLeader,
            lastContact: lastContact, filteredByACLs: filtered)
    }

    private func state(_ consistency: ConsulConsistency = .default) -> State {
        State(WatchSettings(consistency: consistency, wait: .seconds(60)), at: .zero)
    }

    @Test func `the first question does not block, the next waits for its index`() {
        var state = state()
        #expect(state.question == WatchQuestion(consistency: .default, blocking: nil, notBefore: .zero))
        #expect(state.answered(answer(["a"], index: 7), at: .seconds(1)) == .changed(["a"]))
        #expect(state.question.blocking == ConsulBlocking(index: 7, wait: .seconds(60)))
    }

    @Test func `an answer with the same payload is no change, whatever its index`() {
        var state = state()
        _ = state.answered(answer(["a"], index: 7), at: .zero)
        #expect(state.answered(answer(["a"], index: 9), at: .seconds(1)) == .confirmed)
    }

    @Test func `an index that goes back is forgotten`() {
        var state = state()
        _ = state.answered(answer(["a"], index: 7), at: .zero)
        #expect(state.answered(answer(["a"], index: 3), at: .seconds(1)) == .confirmed)
        #expect(state.question.blocking == nil)
    }

    @Test(arguments: [nil, 0]) func `an index is never below 1`(index: UInt64?) {
        var state = state()
        _ = state.answered(answer(["a"], index: index), at: .zero)
        #expect(state.question.blocking?.index == 1)
    }

    @Test func `nothing after something is suspicious, and what was there stays`() {
        var state = state()
        _ = state.answered(answer(["a"], index: 7), at: .zero)
        #expect(state.answered(answer([], index: 8), at: .seconds(1)) == .suspicious(.emptied, []))
        #expect(state.held == ["a"])
        #expect(state.answered(answer(["a"], index: 9), at: .seconds(2)) == .confirmed)
    }

    @Test func `a service that never had an instance is simply empty`() {
        var state = state()
        #expect(state.answered(answer([]), at: .zero) == .changed([]))
    }

    @Test func `a watcher that goes on from another's holding is not emptied either`() {
        var state = State(WatchSettings(), holding: ["a"], isEmpty: false, at: .zero)
        #expect(state.answered(answer([], index: 8), at: .seconds(1)) == .suspicious(.emptied, []))
        #expect(state.held == ["a"])
    }

    @Test func `a filtered answer is suspicious even with instances in it`() {
        var state = state()
        #expect(state.answered(answer(["a"], filtered: true), at: .zero) == .suspicious(.filtered, ["a"]))
        #expect(state.held == nil)
    }

    @Test func `what Consul does not know any more is suspicious`() {
        var state = state()
        _ = state.answered(answer(["a"], index: 7), at: .zero)
        #expect(state.answered(answer(nil, index: 8), at: .seconds(1)) == .suspicious(.missing, nil))
    }

    @Test func `a stale answer that is too old is asked for from the leader at once`() {
        var state = state(.stale(maximumAge: .seconds(5)))
        #expect(state.answered(answer(["a"], lastContact: .seconds(6)), at: .seconds(1)) == .none)
        #expect(state.question == WatchQuestion(consistency: .default, blocking: nil, notBefore: .seconds(1)))
        #expect(state.answered(answer(["b"], index: 4), at: .seconds(1)) == .changed(["b"]))
        #expect(state.question.consistency == .stale(maximumAge: .seconds(5)))
    }

    @Test func `a stale answer that goes back changes nothing`() {
        var state = state(.stale(maximumAge: .seconds(5)))
        _ = state.answered(answer(["b"], index: 7), at: .zero)
        #expect(state.answered(answer(["a"], index: 5), at: .seconds(1)) == .none)
        #expect(state.held == ["b"])
        #expect(state.question.consistency == .default)
    }

    @Test func `a stale answer without a leader is not believed`() {
        var state = state(.stale(maximumAge: .seconds(5)))
        #expect(state.answered(answer(["a"], knownLeader: false), at: .zero) == .none)
    }

    @Test func `failures back off, twice as long each, and ask for the whole again`() {
        var state = state()
        _ = state.answered(answer(["a"], index: 7), at: .zero)
        var waits: [Duration] = []
        for _ in 0..<9 {
            state.failed(at: .seconds(100), jitter: 0.5)
            #expect(state.question.blocking == nil)
            waits.append(state.question.notBefore - .seconds(100))
        }
        #expect(waits.map { $0 / .milliseconds(1) } == [200, 400, 800, 1600, 3200, 6400, 12800, 15000, 15000])
        #expect(state.held == ["a"])
    }

    @Test(arguments: [(0.0, 150), (0.5, 200), (1.0, 250)])
    func `the back-off is a quarter more or less`(jitter: Double, milliseconds: Int) {
        var state = state()
        state.failed(at: .zero, jitter: jitter)
        #expect(state.question.notBefore == .milliseconds(milliseconds))
    }

    @Test func `the server's wish to be left alone is granted`() {
        var state = state()
        state.failed(retryAfter: .seconds(30), at: .seconds(1), jitter: 0.5)
        #expect(state.question.notBefore == .seconds(31))
    }

    @Test func `an answer ends the back-off`() {
        var state = state()
        for _ in 0..<5 { state.failed(at: .zero, jitter: 0.5) }
        _ = state.answered(answer(["a"]), at: .zero)
        state.failed(at: .seconds(10), jitter: 0.5)
        #expect(state.question.notBefore == .seconds(10) + .milliseconds(200))
    }

    /// When each of so many answers, each given at once, lets the next question be asked; in milliseconds.
    private func pace(_ count: Int, payload: (Int) -> [String]) -> [Int] {
        var state = state()
        var now = Duration.zero
        return (0..<count).map { turn in
            _ = state.answered(answer(payload(turn), index: UInt64(turn + 1)), at: now)
            let wait = state.question.notBefore - now
            now = state.question.notBefore
            return Int(wait / .milliseconds(1))
        }
    }

    @Test func `answers without anything come two at once, then down to one in 15 s`() {
        #expect(pace(11) { _ in [] } == [0, 0, 250, 500, 1000, 2000, 4000, 8000, 15000, 15000, 15000])
    }

    @Test func `answers that say what is known come two at once, then down to one a second`() {
        #expect(pace(7) { _ in ["a"] } == [0, 0, 250, 500, 1000, 1000, 1000])
    }

    @Test func `answers that bring something come two at once, then four a second`() {
        #expect(pace(6) { ["\($0)"] } == [0, 0, 250, 250, 250, 250])
    }

    @Test func `after a calm the next change is asked about at once`() {
        var state = state()
        for turn in 0..<9 { _ = state.answered(answer(["\(turn)"]), at: state.question.notBefore) }
        _ = state.answered(answer(["x"]), at: .seconds(60))
        #expect(state.question.notBefore == .seconds(60))
    }
}
