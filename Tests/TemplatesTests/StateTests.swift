// SPDX-License-Identifier: Apache-2.0

import Model
import Templates
import Testing

/// Dialogues: what is known, what became of the work, what is done next.
@Suite struct StateTests {
    private func state(command: Bool = true) -> TemplateState {
        var definition = definition
        definition.command = command ? .shell("reload") : nil
        definition.wait = QuietTime(quiet: .seconds(1), longest: .seconds(3))
        return TemplateState(definition, firstRetry: .seconds(1), longestRetry: .seconds(4))
    }

    private func input(_ text: String) -> TemplateInput { TemplateInput(text: text, data: data) }

    /// One that was filled with `a` and whose command has run.
    private func settled() -> TemplateState {
        var state = state()
        state.known(.complete(input("a")), at: .zero)
        _ = state.next(at: .zero)
        state.finished(.render(input("a")), .written, at: .zero)
        state.finished(.command, .commandDone, at: .zero)
        return state
    }

    @Test func `what is missing is waited for and said once`() {
        var state = state()
        state.known(.waiting(["service web"]), at: .zero)
        #expect(state.next(at: .zero) == .init(waitsFor: ["service web"]))
        state.known(.waiting(["service web"]), at: .seconds(1))
        #expect(state.next(at: .seconds(1)) == .init())
    }

    @Test func `the first is filled as soon as all is there`() {
        var state = state()
        state.known(.waiting(["service web"]), at: .zero)
        _ = state.next(at: .zero)
        state.known(.complete(input("a")), at: .seconds(2))
        #expect(state.next(at: .seconds(2)) == .init(work: .render(input("a")), waitsFor: []))
    }

    @Test func `a command follows a write and nothing follows the command`() {
        var state = state()
        state.known(.complete(input("a")), at: .zero)
        _ = state.next(at: .zero)
        state.finished(.render(input("a")), .written, at: .zero)
        #expect(state.next(at: .zero).work == .command)
        state.finished(.command, .commandDone, at: .seconds(1))
        #expect(state.next(at: .seconds(1)) == .init())
    }

    @Test func `unchanged output runs no command`() {
        var state = state()
        state.known(.complete(input("a")), at: .zero)
        _ = state.next(at: .zero)
        state.finished(.render(input("a")), .unchanged(commandDue: false), at: .zero)
        #expect(state.next(at: .zero) == .init())
    }

    @Test func `a command that is due since before is run though nothing was written`() {
        var state = state()
        state.known(.complete(input("a")), at: .zero)
        _ = state.next(at: .zero)
        state.finished(.render(input("a")), .unchanged(commandDue: true), at: .zero)
        #expect(state.next(at: .zero).work == .command)
    }

    @Test func `a template without a command has none to run`() {
        var state = state(command: false)
        state.known(.complete(input("a")), at: .zero)
        _ = state.next(at: .zero)
        state.finished(.render(input("a")), .written, at: .zero)
        #expect(state.next(at: .zero) == .init())
    }

    @Test func `a change waits until it has been quiet`() {
        var state = settled()
        state.known(.complete(input("b")), at: .seconds(10))
        #expect(state.next(at: .seconds(10)).wake == .seconds(11))
        state.known(.complete(input("c")), at: .milliseconds(10_500))
        #expect(state.next(at: .seconds(11)).wake == .milliseconds(11_500))
        #expect(state.next(at: .milliseconds(11_500)).work == .render(input("c")))
    }

    @Test func `changes that do not cease wait no longer than the maximum`() {
        var state = settled()
        for step in 0..<8 {
            let time = Duration.seconds(10) + .milliseconds(500 * step)
            state.known(.complete(input("b\(step)")), at: time)
            let work = state.next(at: time).work
            #expect((work != nil) == (time == .seconds(13)))
            if let work { state.finished(work, .written, at: time) }
            if work != nil { return }
        }
        Issue.record("never filled")
    }

    @Test func `what changes back in time was no change`() {
        var state = settled()
        state.known(.complete(input("b")), at: .seconds(10))
        state.known(.complete(input("a")), at: .milliseconds(10_100))
        #expect(state.next(at: .seconds(20)) == .init())
    }

    @Test func `data that go missing change nothing`() {
        var state = settled()
        state.known(.waiting(["service web"]), at: .seconds(10))
        #expect(state.next(at: .seconds(20)) == .init(waitsFor: ["service web"]))
    }

    @Test func `a failed command is tried again, twice as late each time`() {
        var state = state()
        state.known(.complete(input("a")), at: .zero)
        _ = state.next(at: .zero)
        state.finished(.render(input("a")), .written, at: .zero)
        var time = Duration.zero
        for delay in [1, 2, 4, 4] {
            #expect(state.next(at: time).work == .command)
            state.finished(.command, .failed, at: time)
            #expect(state.next(at: time).wake == time + .seconds(delay))
            time += .seconds(delay)
        }
    }

    @Test func `a failed write is tried again with the same data`() {
        var state = state()
        state.known(.complete(input("a")), at: .zero)
        _ = state.next(at: .zero)
        state.finished(.render(input("a")), .failed, at: .zero)
        #expect(state.next(at: .zero).wake == .seconds(1))
        #expect(state.next(at: .seconds(1)).work == .render(input("a")))
    }

    @Test func `new data end the waiting after a failure`() {
        var state = state()
        state.known(.complete(input("a")), at: .zero)
        _ = state.next(at: .zero)
        for time in [Duration.zero, .seconds(1)] { state.finished(.render(input("a")), .failed, at: time) }
        state.known(.complete(input("b")), at: .milliseconds(1_100))
        #expect(state.next(at: .milliseconds(2_100)).work == .render(input("b")))
    }

    @Test func `a command that failed is run again after the next write`() {
        var state = state()
        state.known(.complete(input("a")), at: .zero)
        _ = state.next(at: .zero)
        state.finished(.render(input("a")), .written, at: .zero)
        _ = state.next(at: .zero)
        state.finished(.command, .failed, at: .zero)
        state.known(.complete(input("b")), at: .zero)
        #expect(state.next(at: .seconds(1)).work == .render(input("b")))
        state.finished(.render(input("b")), .unchanged(commandDue: false), at: .seconds(1))
        #expect(state.next(at: .seconds(1)).work == .command)
    }
}
