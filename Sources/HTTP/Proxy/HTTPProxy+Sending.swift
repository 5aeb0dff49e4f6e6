// SPDX-License-Identifier: Apache-2.0

import CLinux
import EventLoop
import Glibc

/// Octets out of connections and into them.
extension HTTPProxy {
    /// Blocks of heads and control frames that a peer which does not read may leave us with.
    private static let blocksMax = 16
    /// Of a block, for heads and control frames: content is not written into it.
    private static let reserve = 512

    @inline(__always)
    func markDirty(_ connection: ConnectionRef) {
        guard !connection.pointee.isDirty else { return }
        connection.pointee.isDirty = true
        connection.pointee.nextDirty = state.pointee.dirty
        state.pointee.dirty = connection
    }

    /// Makes room for `count` octets, a head or a frame; false: the connection can only be dropped.
    @inline(__always)
    func room(_ connection: ConnectionRef, _ count: Int) -> Bool {
        markDirty(connection)
        return connection.pointee.out.writer.room >= count || makeRoom(connection)
    }

    private func makeRoom(_ connection: ConnectionRef) -> Bool {
        if !connection.pointee.out.isEmpty { transmit(connection) }
        if connection.pointee.out.fullCount >= Self.blocksMax {
            fail(connection)
            return false
        }
        if connection.pointee.out.rotate(&state.pointee.blocks) { return true }
        fail(connection)
        return false
    }

    /// How many octets of content may be written, frames included; 0: its receiver has to read first.
    @inline(__always)
    func contentRoom(_ connection: ConnectionRef) -> Int {
        markDirty(connection)
        let room = connection.pointee.out.writer.room
        return room > 4096 ? room &- Self.reserve : makeContentRoom(connection)
    }

    private func makeContentRoom(_ connection: ConnectionRef) -> Int {
        if !connection.pointee.out.isEmpty {
            transmit(connection)
            guard connection.pointee.out.isEmpty else { return 0 }
        }
        guard connection.pointee.out.rotate(&state.pointee.blocks) else { return 0 }
        return connection.pointee.out.writer.room &- Self.reserve
    }

    /// Sends what there is, as far as the socket takes it.
    private func transmit(_ connection: ConnectionRef) {
        while connection.pointee.isWritable && !connection.pointee.out.isEmpty {
            let bytes = connection.pointee.out.next
            if connection.pointee.tls != nil {
                transmitTLS(connection, bytes)
                continue
            }
            let answer = linux_send(connection.pointee.socket, bytes.baseAddress, bytes.count)
            if answer >= 0 {
                connection.pointee.out.advance(answer, &state.pointee.blocks)
                // A short count says that its buffer is full.
                if answer < bytes.count { connection.pointee.isWritable = false }
            } else if errno == EAGAIN {
                connection.pointee.isWritable = false
            } else if errno != EINTR {
                fail(connection)
            }
        }
        if connection.pointee.out.isEmpty { connection.pointee.out.rewind() }
    }

    /// Nothing can be sent any more: it is dropped at the end of the turn.
    func fail(_ connection: ConnectionRef) {
        connection.pointee.isWritable = false
        connection.pointee.hasFailed = true
        markDirty(connection)
    }

    /// The end of a turn: sends, and moves on what waits for room.
    func flush(_ connection: ConnectionRef) {
        if connection.pointee.hasFailed { return drop(connection) }
        guard connection.pointee.stage != .connecting && connection.pointee.stage != .handshaking else { return }
        while true {
            transmit(connection)
            if connection.pointee.hasFailed { return drop(connection) }
            guard connection.pointee.out.isEmpty && connection.pointee.waiting > 0 else { break }
            pump(connection)
            guard connection.pointee.isOpen && !connection.pointee.out.isEmpty else { break }
        }
        guard connection.pointee.isOpen && connection.pointee.out.isEmpty else { return }
        connection.pointee.out.release(&state.pointee.blocks)
        if connection.pointee.isClosing { linger(connection) }
    }

    /// All is sent and nothing more will be: the peer reads the end. What it still sends is passed over for a while,
    /// since a close with unread octets would take back what it has not read (RFC 9112, 9.6).
    private func linger(_ connection: ConnectionRef) {
        if connection.pointee.hasEnded { return drop(connection) }
        guard !connection.pointee.isLingering else { return }
        connection.pointee.isLingering = true
        if connection.pointee.tls != nil { endTLS(connection) }
        _ = shutdown(connection.pointee.socket, Int32(SHUT_WR))
        arm(connection, state.pointee.limits.goAwayDelay)
        if connection.pointee.isReadable { enqueue(connection) }
    }

    /// Takes no more of the peer's input, and closes when all is sent.
    func finish(_ connection: ConnectionRef) {
        connection.pointee.isClosing = true
        markDirty(connection)
    }

    // MARK: Reading

    /// Reads and handles what there is, one buffer's worth.
    func advance(_ connection: ConnectionRef) {
        if connection.pointee.isLingering { return passOver(connection) }
        if connection.pointee.stage == .handshaking && !shakeHands(connection) { return }
        guard !connection.pointee.isPaused else { return }
        var count = 0
        if let held = connection.pointee.held {
            let bytes = held.used
            if let start = bytes.baseAddress { memcpy(input, start, bytes.count) }
            count = bytes.count
            held.giveBack(to: &state.pointee.blocks)
            connection.pointee.held = nil
        }
        let isNew = read(connection, &count)
        if count == 0 && !connection.pointee.hasEnded { return }
        let generation = connection.pointee.generation
        let used = isNew || count > 0 ? take(connection, count) : 0
        guard connection.pointee.isOpen && connection.pointee.generation == generation else { return }
        if connection.pointee.isClosing {
            if connection.pointee.hasEnded { markDirty(connection) }
            return
        }
        if used < count { hold(connection, used, count) }
        guard connection.pointee.isOpen else { return }
        if connection.pointee.hasEnded && !connection.pointee.isPaused { return ended(connection) }
        if connection.pointee.isReadable && !connection.pointee.isPaused { enqueue(connection) }
    }

    /// One read; whether anything came.
    private func read(_ connection: ConnectionRef, _ count: inout Int) -> Bool {
        guard connection.pointee.isReadable && !connection.pointee.hasEnded else { return false }
        let most = min(Self.inputBytes, Self.heldBytes &- count)
        guard most > 0 else { return false }
        if let tls = connection.pointee.tls { return readTLS(connection, tls, &count, most) }
        while true {
            let answer = recv(connection.pointee.socket, input + count, most, 0)
            if answer > 0 {
                if answer < most && !connection.pointee.isEnding { connection.pointee.isReadable = false }
                count &+= answer
                return true
            }
            if answer < 0 && errno == EINTR { continue }
            connection.pointee.isReadable = false
            if answer < 0 && errno == EAGAIN { return false }
            connection.pointee.hasEnded = true
            if answer < 0 { fail(connection) }
            return false
        }
    }

    private func hold(_ connection: ConnectionRef, _ used: Int, _ count: Int) {
        let rest = count &- used
        guard rest <= Self.heldBytes, let block = Block.take(from: &state.pointee.blocks) else {
            return drop(connection)
        }
        memcpy(block.bytes, input + used, rest)
        block.header.pointee.end = rest
        connection.pointee.held = block
    }

    private func passOver(_ connection: ConnectionRef) {
        var count = 0
        while read(connection, &count) {
            count = 0
            if !connection.pointee.isReadable { return }
        }
        if connection.pointee.hasEnded { drop(connection) }
    }

    /// Handles `count` octets of input; answers how many were used.
    private func take(_ connection: ConnectionRef, _ count: Int) -> Int {
        switch connection.pointee.stage {
        case .sniffing: return sniff(connection, count)
        case .http2: return receiveFrames(connection, count)
        case .http1:
            return connection.pointee.side == .client
                ? receiveRequests(connection, count) : receiveResponses(connection, count)
        case .closed, .connecting, .handshaking: return count
        }
    }

    /// A client's first octets tell what it speaks.
    private func sniff(_ connection: ConnectionRef, _ count: Int) -> Int {
        guard count > 0 else { return 0 }
        let preface = HTTP2Connection.preface
        let number = min(count, preface.utf8CodeUnitCount)
        if memcmp(input, preface.utf8Start, number) != 0 {
            connection.pointee.stage = .http1
            return receiveRequests(connection, count)
        }
        guard number == preface.utf8CodeUnitCount else { return 0 }
        guard startHTTP2(connection, .server, state.pointee.settings) else { return 0 }
        return receiveFrames(connection, count)
    }

    /// Makes it a connection of HTTP/2, and announces ourselves.
    func startHTTP2(
        _ connection: ConnectionRef, _ role: HTTP2Connection.Role, _ settings: ConnectionSettings
    ) -> Bool {
        let http2 = UnsafeMutablePointer<HTTP2Connection>.allocate(capacity: 1)
        http2.initialize(to: HTTP2Connection(role, settings))
        connection.pointee.http2 = http2
        connection.pointee.stage = .http2
        guard room(connection, HTTP2Connection.controlRoom) else { return false }
        http2.pointee.start(to: &connection.pointee.out.writer)
        if connection.pointee.isLeaving {
            // It had not said yet what it speaks when it was to go away.
            connection.pointee.isLeaving = false
            leave(connection)
        }
        return true
    }
}
