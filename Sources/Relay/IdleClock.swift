// SPDX-License-Identifier: Apache-2.0

import EventLoop

/// A timer wheel that a loop turns: time-outs of numbered connections, to a tenth of a second. For the loop's thread
/// alone.
final class IdleClock {
    private let loop: EventLoop
    private var wheel: TimerWheel
    private var timer: TimerID?
    private var isTurning = false
    private var expired: (Int) -> Void = { _ in }

    private static let tick = Duration.milliseconds(100)
    private static let tickNanoseconds: Int64 = 100_000_000

    init(loop: EventLoop, capacity: Int) {
        self.loop = loop
        wheel = TimerWheel(capacity: capacity)
    }

    /// - Parameter expired: called with each number whose time is over.
    func start(_ expired: @escaping (Int) -> Void) {
        self.expired = expired
        timer = loop.timer { [unowned self] in tickPassed() }
    }

    func stop() {
        if let timer { loop.remove(timer) }
        timer = nil
    }

    /// Not before the delay is over, and a tick or two after it.
    func arm(_ index: Int, after delay: Duration) {
        let now = now()
        // With nothing filed this tells the wheel the time and expires nothing.
        if wheel.filedCount == 0 { _ = wheel.expire(at: now) }
        // One more: this tick has begun already.
        wheel.arm(index, at: now + UInt64(max(delay.wholeNanoseconds / Self.tickNanoseconds, 0)) + 1)
        turn()
    }

    func disarm(_ index: Int) { wheel.disarm(index) }

    private func now() -> UInt64 { UInt64(MonotonicInstant.now.nanoseconds / Self.tickNanoseconds) }

    private func turn() {
        guard !isTurning, let timer else { return }
        isTurning = true
        loop.arm(timer, after: Self.tick)
    }

    private func tickPassed() {
        isTurning = false
        let now = now()
        while let index = wheel.expire(at: now) { expired(index) }
        if wheel.filedCount > 0 { turn() }
    }
}
