// SPDX-License-Identifier: Apache-2.0

import Health
import Testing

/// Dialogues: `+` is a success, `-` a failure; the answer is the standing after each, `u` up, `d` down, `?` unknown.
struct HealthStateTests {
    @Test(arguments: [
        ("+", "u"),
        ("-+", "?u"),
        ("---", "??d"),
        ("--+--+", "??uuuu"),
        ("+---", "uuud"),
        ("---++", "??ddu"),
        ("---+-++", "??ddddu"),
        ("---+---++", "??ddddddu"),
    ])
    func `a standing changes after rise successes or fall failures in a row`(results: String, standings: String) {
        var state = HealthState()
        let seen = results.map { result in
            _ = state.record(success: result == "+", rise: 2, fall: 3)
            return state.letter
        }
        #expect(String(seen) == standings)
    }

    @Test func `only a changed standing is told`() {
        var state = HealthState()
        let told = [true, true, false, false, false, true, true].map { state.record(success: $0, rise: 2, fall: 2) }
        #expect(told == [true, false, false, true, false, false, true])
    }

    @Test func `what is not known counts as up`() {
        #expect(HealthState().isUp)
        #expect(HealthState(.up).isUp)
        #expect(!HealthState(.down).isUp)
    }

    @Test func `rise and fall of one decide at every result`() {
        var state = HealthState(.down)
        let told = [true, false, true].map { state.record(success: $0, rise: 1, fall: 1) }
        #expect(told == [true, true, true])
    }
}

extension HealthState {
    fileprivate var letter: Character {
        switch standing {
        case .unknown: "?"
        case .up: "u"
        case .down: "d"
        }
    }
}
