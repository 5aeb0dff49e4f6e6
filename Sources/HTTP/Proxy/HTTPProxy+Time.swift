// SPDX-License-Identifier: Apache-2.0

import EventLoop

/// Deadlines of connections and exchanges, on one wheel.
extension HTTPProxy {
    func tick() {
        state.pointee.now = MonotonicInstant.now.nanoseconds / 1_000_000
        let limit = state.pointee.limits.connections
        while let entry = state.pointee.wheel.expire(at: UInt64(state.pointee.now / Self.tick)) {
            if entry < limit {
                if let connection = connections[entry], connection.pointee.isOpen { timedOut(connection) }
            } else if let exchange = exchanges[entry - limit] {
                timedOut(exchange)
            }
        }
        resumeAccepting()
        if state.pointee.isLogging { accessLog?.flush() }
        endDrained()
        ticks &+= 1
        // Every ten seconds.
        if ticks % UInt64(10_000 / Self.tick) == 0 { forgive() }
        if let ticker { loop.arm(ticker, after: .milliseconds(Self.tick)) }
    }

    private func forgive() {
        for place in 0..<state.pointee.limits.connections {
            if let connection = connections[place], connection.pointee.isOpen {
                connection.pointee.http2?.pointee.forgive()
            }
        }
    }

    @inline(__always)
    func arm(_ connection: ConnectionRef, _ delay: Duration) {
        arm(Int(connection.pointee.index), milliseconds: delay.wholeNanoseconds / 1_000_000)
    }

    @inline(__always)
    func arm(_ exchange: ExchangeRef, milliseconds: Int64) {
        arm(state.pointee.limits.connections &+ Int(exchange.pointee.index), milliseconds: milliseconds)
    }

    @inline(__always)
    private func arm(_ entry: Int, milliseconds: Int64) {
        let tick = UInt64((state.pointee.now &+ milliseconds) / Self.tick &+ 1)
        state.pointee.wheel.arm(entry, at: tick)
    }

    @inline(__always)
    func disarm(_ exchange: ExchangeRef) {
        state.pointee.wheel.disarm(state.pointee.limits.connections &+ Int(exchange.pointee.index))
    }
}
