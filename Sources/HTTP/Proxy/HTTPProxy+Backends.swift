// SPDX-License-Identifier: Apache-2.0

import EventLoop
import Glibc

/// Connections to backends, from the connect to the close; and how connections of both sides end.
extension HTTPProxy {
    /// Failures in a row after which a backend is passed by, and for how many milliseconds.
    private static let failuresMost = 3
    private static let ejection: Int64 = 10_000

    /// Begins a connection; false: it failed at once.
    func connect(_ upstream: UpstreamRef) -> Bool {
        let address = upstream.pointee.address
        let number = Descriptor.openStream(family: address.family)
        guard number >= 0 else { return false }
        let socket = Descriptor(adopting: number)
        let answer = socket.begin(connectTo: address)
        guard answer == 0 || answer == EINPROGRESS else {
            noteFailure(upstream)
            return false
        }
        let taken = socket.release()
        guard let connection = open(taken, .backend, .connecting) else {
            close(taken)
            return false
        }
        connection.pointee.upstream = upstream
        upstream.pointee.count += 1
        upstream.pointee.connecting += 1
        state.pointee.counters.upstreamConnects &+= 1
        arm(connection, state.pointee.limits.connectTimeout)
        watch(connection)
        return true
    }

    private func noteFailure(_ upstream: UpstreamRef) {
        state.pointee.counters.upstreamConnectFailures &+= 1
        upstream.pointee.connectFailures &+= 1
        upstream.pointee.failures += 1
        if upstream.pointee.failures >= Self.failuresMost {
            if upstream.pointee.ejectedUntil <= state.pointee.now { upstream.pointee.ejections &+= 1 }
            upstream.pointee.ejectedUntil = state.pointee.now + Self.ejection
        }
    }

    /// A connect has come to its end.
    func connected(_ connection: ConnectionRef, _ readiness: Readiness) {
        guard let upstream = connection.pointee.upstream else { return drop(connection) }
        var failure: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        if !readiness.isDisjoint(with: [.error, .hangup]) {
            _ = getsockopt(connection.pointee.socket, SOL_SOCKET, SO_ERROR, &failure, &length)
            if failure == 0 { failure = ECONNRESET }
        }
        if failure != 0 { return connectFailed(connection, .connectRefused) }
        guard readiness.contains(.writable) else { return }
        upstream.pointee.connecting -= 1
        connection.pointee.isEnding = readiness.contains(.peerClosed)
        arm(connection, state.pointee.limits.backendIdleTimeout)
        if upstream.pointee.version == .http1 {
            connection.pointee.stage = .http1
            upstream.pointee.addIdle(connection)
        } else {
            guard startHTTP2(connection, .client, state.pointee.upstreamSettings) else { return }
            upstream.pointee.addMultiplexed(connection)
        }
        serveWaiting(upstream)
        if connection.pointee.isReadable { enqueue(connection) }
    }

    private func connectFailed(_ connection: ConnectionRef, _ error: ProxyError) {
        guard let upstream = connection.pointee.upstream else { return drop(connection) }
        noteFailure(upstream)
        drop(connection)
        // Others that connect still may, and those that are there serve who waits.
        if upstream.pointee.count == 0 { failWaiting(upstream, error) }
    }

    /// No configuration names it any more: what is idle ends, what is busy goes on.
    func retire(_ upstream: UpstreamRef) {
        while let connection = upstream.pointee.idle {
            upstream.pointee.removeIdle(connection)
            fail(connection)
        }
        while upstream.pointee.multiplexedCount > 0 { leave(upstream.pointee.multiplexed[0]) }
    }

    // MARK: Both sides

    /// The peer has ended, and all that it sent is read.
    func ended(_ connection: ConnectionRef) {
        if connection.pointee.stage == .http1 && connection.pointee.side == .backend,
            let exchange = connection.pointee.exchange, connection.pointee.reading == .untilClose
        {
            connection.pointee.keepsAlive = false
            connection.pointee.reading = .done
            let nothing = UnsafeBufferPointer<UInt8>(start: nil, count: 0)
            take(nothing, ends: true, of: exchange, from: .backend)
            return markDirty(connection)
        }
        // Who asked and ended its side still reads what is on its way.
        if connection.pointee.side == .client && connection.pointee.active == 0 { return finish(connection) }
        drop(connection)
    }

    func timedOut(_ connection: ConnectionRef) {
        if connection.pointee.stage == .connecting { return connectFailed(connection, .connectTimeout) }
        if connection.pointee.isLingering || connection.pointee.goAwaySteps == 2 { return drop(connection) }
        if connection.pointee.goAwaySteps == 1 { return finishLeaving(connection) }
        if connection.pointee.active > 0 { return }
        if connection.pointee.stage == .http2 && connection.pointee.side == .client { return leave(connection) }
        drop(connection)
    }

    /// Closes it at once, with all that is on it.
    func drop(_ connection: ConnectionRef) {
        guard connection.pointee.isOpen else { return }
        let wasConnecting = connection.pointee.stage == .connecting
        if let upstream = connection.pointee.upstream {
            upstream.pointee.removeIdle(connection)
            upstream.pointee.removeMultiplexed(connection)
            upstream.pointee.count -= 1
            if wasConnecting { upstream.pointee.connecting -= 1 }
        }
        connection.pointee.isLeaving = true
        // Before the exchanges are told: what they write to it goes nowhere.
        connection.pointee.isWritable = false
        abandon(connection)
        connection.pointee.stage = .closed
        connection.pointee.out.release(&state.pointee.blocks)
        connection.pointee.held?.giveBack(to: &state.pointee.blocks)
        connection.pointee.held = nil
        connection.pointee.releaseHTTP2()
        releaseTLS(connection)
        close(connection.pointee.socket)
        connection.pointee.socket = -1
        state.pointee.wheel.disarm(Int(connection.pointee.index))
        state.pointee.connectionCount -= 1
        if let upstream = connection.pointee.upstream, !wasConnecting { connectMore(upstream) }
    }
}
