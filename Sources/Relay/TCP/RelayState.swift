// SPDX-License-Identifier: Apache-2.0

import EventLoop

/// The two sides of a relayed connection.
public enum RelaySide: UInt8, Hashable, Sendable {
    case client = 0
    case backend = 1

    var other: RelaySide { self == .client ? .backend : .client }
}

/// What a relayed connection is to do next. A direction goes by the side that it comes from.
public enum RelayStep: Hashable, Sendable {
    /// Take what this side has sent.
    case receive(from: RelaySide)
    /// Give the other side what is held of this one's.
    case send(from: RelaySide)
    /// Tell the other side that this one has sent its last byte.
    case passEnd(from: RelaySide)
    /// Close both: all is passed on.
    case close
    /// Reset both.
    case reset(RelayReason)
    /// Until a side is ready.
    case wait
}

/// The decisions of a relayed connection once both sides are connected: told what came of a step, it answers the next.
///
/// A direction holds one buffer's worth and takes nothing more until that is given on: a side that does not read stops
/// the other. Readiness is edge-triggered: what was ready once is ready until a call says otherwise.
public struct RelayState: Hashable, Sendable {
    /// One direction.
    struct Flowing: Hashable, Sendable {
        /// Bytes taken and not yet given on.
        var held = 0
        /// Bytes given on.
        var moved: UInt64 = 0
        var isReadable = false
        /// Of its other end.
        var isWritable = true
        /// The side has said that more than bytes waits to be read: an end, an error.
        var isEnding = false
        var hasEnded = false
        var endIsPassed = false

        var isOver: Bool { hasEnded && held == 0 }
        var isBlocked: Bool { held > 0 && !isWritable }
    }

    private(set) var fromClient = Flowing()
    private(set) var fromBackend = Flowing()
    /// Why both are to be reset.
    private(set) var failure: RelayReason?

    public init() {}

    /// Bytes that wait before the first was received: a PROXY protocol header.
    public mutating func precede(bytes: Int) { fromClient.held += bytes }

    /// What epoll(7) told of a side.
    public mutating func ready(_ side: RelaySide, _ readiness: Readiness) {
        // What it sent before its reset is read and given on first, unless nobody would come to read.
        if readiness.contains(.error), self[side].hasEnded || self[side].isBlocked { fail(side) }
        let isOver = !readiness.isDisjoint(with: [.error, .hangup])
        if isOver || !readiness.isDisjoint(with: [.readable, .peerClosed]) { self[side].isReadable = true }
        if isOver || readiness.contains(.peerClosed) { self[side].isEnding = true }
        if isOver || readiness.contains(.writable) { self[side.other].isWritable = true }
    }

    /// What `receive` came to.
    ///
    /// - Parameter isDrained: there was room for more than came, so that nothing else waits.
    public mutating func received(from side: RelaySide, _ outcome: Outcome, isDrained: Bool) {
        switch outcome {
        case .bytes(let count):
            self[side].held += count
            // An end that was told already is still to be read: no other event will come for it.
            if isDrained && !self[side].isEnding { self[side].isReadable = false }
        case .wouldBlock: self[side].isReadable = false
        case .end: self[side].hasEnded = true
        case .failed: fail(side)
        }
    }

    /// What `send` came to.
    public mutating func sent(from side: RelaySide, _ outcome: Outcome) {
        switch outcome {
        case .bytes(let count):
            // Never below 0: no call gives on more than it was given.
            self[side].held -= count
            self[side].moved += UInt64(count)
        case .wouldBlock: self[side].isWritable = false
        case .end, .failed: fail(side.other)
        }
    }

    /// There is no buffer: the side is as readable as it was, and `wait` follows until `resume`.
    public mutating func starve(_ side: RelaySide) { self[side].isReadable = false }

    /// Buffers are back.
    public mutating func resume(_ side: RelaySide) { self[side].isReadable = true }

    public mutating func endPassed(from side: RelaySide) { self[side].endIsPassed = true }

    private mutating func fail(_ side: RelaySide) {
        if failure == nil { failure = side == .client ? .clientReset : .backendReset }
    }

    public func next() -> RelayStep {
        if let failure { return .reset(failure) }
        // The last end needs no shutdown: close tells it.
        if fromClient.isOver && fromBackend.isOver { return .close }
        if let step = next(fromClient, .client) { return step }
        if let step = next(fromBackend, .backend) { return step }
        return .wait
    }

    private func next(_ flowing: Flowing, _ side: RelaySide) -> RelayStep? {
        if flowing.held > 0 { return flowing.isWritable ? .send(from: side) : nil }
        if flowing.hasEnded { return flowing.endIsPassed ? nil : .passEnd(from: side) }
        return flowing.isReadable ? .receive(from: side) : nil
    }

    subscript(side: RelaySide) -> Flowing {
        get { side == .client ? fromClient : fromBackend }
        _modify {
            if side == .client { yield &fromClient } else { yield &fromBackend }
        }
    }
}
