// SPDX-License-Identifier: Apache-2.0

import EventLoop
import TestSupport
import Testing

struct TimerQueueTests {
    private func at(_ milliseconds: Int64) -> MonotonicInstant {
        MonotonicInstant(nanoseconds: milliseconds * 1_000_000)
    }

    @Test func `timers expire in the order of their deadlines, none before its time`() {
        var queue = TimerQueue()
        let late = queue.add()
        let early = queue.add()
        queue.arm(late, at: at(20))
        queue.arm(early, at: at(10))
        #expect(queue.earliest == at(10))
        #expect(queue.expire(at: at(9)) == nil)
        #expect(queue.expire(at: at(10)) == early)
        #expect(queue.expire(at: at(10)) == nil)
        #expect(queue.expire(at: at(25)) == late)
        #expect(queue.earliest == nil)
    }

    @Test func `a timer that is armed again has only its last deadline`() {
        var queue = TimerQueue()
        let timer = queue.add()
        queue.arm(timer, at: at(10))
        queue.arm(timer, at: at(30))
        #expect(queue.expire(at: at(20)) == nil)
        queue.arm(timer, at: at(5))
        #expect(queue.expire(at: at(20)) == timer)
        #expect(queue.armedCount == 0)
    }

    @Test func `a disarmed timer does not expire and may be armed again`() {
        var queue = TimerQueue()
        let timer = queue.add()
        queue.arm(timer, at: at(10))
        queue.disarm(timer)
        #expect(queue.expire(at: at(20)) == nil)
        queue.arm(timer, at: at(10))
        #expect(queue.expire(at: at(20)) == timer)
    }

    @Test func `a removed timer's name never acts on the one that took its place`() {
        var queue = TimerQueue()
        let old = queue.add()
        queue.remove(old)
        let new = queue.add()
        queue.arm(old, at: at(1))
        #expect(queue.earliest == nil)
        queue.arm(new, at: at(2))
        queue.disarm(old)
        let removedAgain = queue.remove(old)
        #expect(!removedAgain)
        #expect(queue.expire(at: at(2)) == new)
    }

    @Test func `a thousand timers armed, moved and disarmed at random expire sorted`() {
        var random = SplitMix(seed: 7)
        var queue = TimerQueue()
        let timers = (0..<1000).map { _ in queue.add() }
        var expected: [Int: Int64] = [:]
        for _ in 0..<5000 {
            let index = Int(random.next() % 1000)
            let deadline = Int64(random.next() % 100_000)
            if random.next() % 4 == 0 {
                queue.disarm(timers[index])
                expected[index] = nil
            } else {
                queue.arm(timers[index], at: at(deadline))
                expected[index] = deadline
            }
        }
        var seen: [Int64] = []
        while let earliest = queue.earliest, queue.expire(at: at(.max / 1_000_000)) != nil {
            seen.append(earliest.nanoseconds / 1_000_000)
        }
        #expect(seen == expected.values.sorted())
    }

    @Test(arguments: [
        (Duration.zero, Int64(0)), (.milliseconds(1500), 1_500_000_000), (.nanoseconds(-1), -1),
        (.seconds(Int64.max), .max), (.seconds(Int64.min + 1), .min),
    ])
    func `durations become whole nanoseconds, the nearest where they do not fit`(duration: Duration, expected: Int64) {
        #expect(duration.wholeNanoseconds == expected)
    }
}
