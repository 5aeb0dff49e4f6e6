// SPDX-License-Identifier: Apache-2.0

import EventLoop
import TestSupport
import Testing

struct TimerWheelTests {
    /// What expires at this tick, in the order of the entries.
    private func expired(_ wheel: inout TimerWheel, at tick: UInt64) -> [Int] {
        var entries: [Int] = []
        while let entry = wheel.expire(at: tick) { entries.append(entry) }
        return entries.sorted()
    }

    @Test func `an entry expires at its tick and not before`() {
        var wheel = TimerWheel(capacity: 4)
        wheel.arm(1, at: 10)
        wheel.arm(2, at: 2000)
        #expect(expired(&wheel, at: 9) == [])
        #expect(expired(&wheel, at: 10) == [1])
        #expect(expired(&wheel, at: 1999) == [])
        #expect(expired(&wheel, at: 2000) == [2])
        let left = wheel.filedCount
        #expect(left == 0)
    }

    @Test func `an entry that is put off expires at its last deadline only`() {
        var wheel = TimerWheel(capacity: 1)
        for tick in 1...50 { wheel.arm(0, at: UInt64(tick * 10)) }
        #expect(expired(&wheel, at: 499) == [])
        let (before, due) = (wheel.isArmed(0), expired(&wheel, at: 500))
        #expect(before && due == [0])
        let after = wheel.isArmed(0)
        #expect(!after)
    }

    @Test func `an entry that is brought forward expires at the earlier time`() {
        var wheel = TimerWheel(capacity: 1)
        wheel.arm(0, at: 5000)
        wheel.arm(0, at: 5)
        #expect(expired(&wheel, at: 5) == [0])
        #expect(expired(&wheel, at: 6000) == [])
    }

    @Test func `a disarmed entry does not expire, and may be armed again`() {
        var wheel = TimerWheel(capacity: 1)
        wheel.arm(0, at: 5)
        wheel.disarm(0)
        #expect(expired(&wheel, at: 4) == [])
        wheel.arm(0, at: 7)
        #expect(expired(&wheel, at: 6) == [])
        #expect(expired(&wheel, at: 7) == [0])
    }

    @Test func `a wheel and a plain list of deadlines agree over random steps`() {
        var numbers = SplitMix(seed: 11)
        var wheel = TimerWheel(capacity: 64)
        var deadlines: [Int: UInt64] = [:]
        var now: UInt64 = 0
        for _ in 0..<20_000 {
            let entry = Int.random(in: 0..<64, using: &numbers)
            switch Int.random(in: 0..<4, using: &numbers) {
            case 0:
                wheel.disarm(entry)
                deadlines[entry] = nil
            case 1:
                now += UInt64.random(in: 0...700, using: &numbers)
                let due = deadlines.filter { $0.value <= now }.map(\.key).sorted()
                let found = expired(&wheel, at: now)
                #expect(found == due)
                for entry in due { deadlines[entry] = nil }
            default:
                let deadline = now + UInt64.random(in: 1...1500, using: &numbers)
                wheel.arm(entry, at: deadline)
                deadlines[entry] = deadline
            }
        }
    }
}
