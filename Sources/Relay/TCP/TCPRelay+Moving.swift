// SPDX-License-Identifier: Apache-2.0

import EventLoop
import Glibc

/// How bytes go from one side to the other: copied through a buffer while there are few, spliced through a pipe when
/// there are many. Either is held only while it is not empty, so an idle connection holds neither.
extension TCPRelay {
    /// Takes what `side` sent, as much as a buffer or a pipe holds.
    func receive(_ place: UnsafeMutablePointer<TCPConnection>, from side: RelaySide, _ index: Int) {
        if wantsPipe(place, side), place.pointee[side].pipe == nil { place.pointee[side].pipe = pipes.take() }
        if place.pointee[side].pipe != nil { return fillPipe(place, side) }
        guard let buffer = buffers.take() else {
            place.pointee.state.starve(side)
            return starve(index)
        }
        let outcome = take(place, side, buffers.bytes(of: buffer))
        if case .bytes(let count) = outcome {
            place.pointee[side].buffer = buffer
            place.pointee[side].start = 0
            place.pointee[side].isBulk = count == buffers.size
            place.pointee.state.received(from: side, outcome, isDrained: count < buffers.size)
        } else {
            buffers.giveBack(buffer)
            place.pointee.state.received(from: side, outcome, isDrained: true)
        }
    }

    /// Gives on what is held of `side`.
    func send(_ place: UnsafeMutablePointer<TCPConnection>, from side: RelaySide) {
        if side == .client { sendSoon(place) }
        if place.pointee[side].buffer != nil { sendBuffer(place, side) } else { emptyPipe(place, side) }
    }

    private func wantsPipe(_ place: UnsafeMutablePointer<TCPConnection>, _ side: RelaySide) -> Bool {
        limits.pipes > 0 && place.pointee[side].isBulk
            && place.pointee.state[side].moved >= UInt64(limits.spliceAfter)
    }

    private func sendBuffer(_ place: UnsafeMutablePointer<TCPConnection>, _ side: RelaySide) {
        guard let buffer = place.pointee[side].buffer else { return }
        let start = place.pointee[side].start
        let held = place.pointee.state[side].held
        // In bounds: a receive put `start + held` bytes there, and each send moves both by as many.
        let bytes = UnsafeRawBufferPointer(start: buffer.start + start, count: held)
        let outcome = put(place, side.other, bytes)
        count(place, side, outcome)
        place.pointee.state.sent(from: side, outcome)
        guard case .bytes(let sent) = outcome else { return }
        place.pointee[side].start = start + sent
        if sent == held {
            place.pointee[side].buffer = nil
            buffers.giveBack(buffer)
        }
    }

    /// The pipe is empty: nothing is taken before all is given on.
    private func fillPipe(_ place: UnsafeMutablePointer<TCPConnection>, _ side: RelaySide) {
        guard let writeEnd = place.pointee[side].pipe?.writeEnd.rawValue else { return }
        let room = place.pointee[side].pipe?.room ?? 0
        let outcome =
            side == .client
            ? place.pointee.clientSocket.splice(to: writeEnd, most: room)
            : place.pointee.backendSocket?.splice(to: writeEnd, most: room) ?? .failed(EBADF)
        place.pointee.state.received(from: side, outcome, isDrained: false)
        if case .bytes = outcome { return }
        // Nothing came: other directions may have use for it.
        if let pipe = place.pointee[side].pipe.take() { pipes.giveBack(pipe, isEmpty: true) }
    }

    private func emptyPipe(_ place: UnsafeMutablePointer<TCPConnection>, _ side: RelaySide) {
        let sink = side == .client ? place.pointee.backendSocket?.rawValue ?? -1 : place.pointee.clientSocket.rawValue
        let held = place.pointee.state[side].held
        // An end of a pipe that holds bytes cannot be met.
        let outcome = place.pointee[side].pipe?.readEnd.splice(to: sink, most: held) ?? .failed(EBADF)
        count(place, side, outcome)
        place.pointee.state.sent(from: side, outcome)
    }

    private func take(
        _ place: UnsafeMutablePointer<TCPConnection>, _ side: RelaySide, _ bytes: UnsafeMutableRawBufferPointer
    ) -> Outcome {
        side == .client
            ? place.pointee.clientSocket.take(into: bytes)
            : place.pointee.backendSocket?.take(into: bytes) ?? .failed(EBADF)
    }

    private func put(
        _ place: UnsafeMutablePointer<TCPConnection>, _ side: RelaySide, _ bytes: UnsafeRawBufferPointer
    ) -> Outcome {
        side == .client
            ? place.pointee.clientSocket.put(bytes) : place.pointee.backendSocket?.put(bytes) ?? .failed(EBADF)
    }

    private func count(_ place: UnsafeMutablePointer<TCPConnection>, _ side: RelaySide, _ outcome: Outcome) {
        guard case .bytes(let sent) = outcome else { return }
        let (service, backend) = (place.pointee.service.id, place.pointee.backendID)
        if side == .client {
            ledger[service].bytesIn += UInt64(sent)
            ledger[backend].bytesIn += UInt64(sent)
        } else {
            ledger[service].bytesOut += UInt64(sent)
            ledger[backend].bytesOut += UInt64(sent)
        }
    }

    /// Small pieces to a backend are not to wait for one another; the first needs no option for it.
    private func sendSoon(_ place: UnsafeMutablePointer<TCPConnection>) {
        guard !place.pointee.hasNoDelay, place.pointee.state[.client].moved > 0 else { return }
        place.pointee.hasNoDelay = true
        // Refused, the connection is slower and no less right.
        _ = place.pointee.backendSocket?.sendWithoutDelay()
    }

    /// Puts the PROXY protocol's header, if the service wants one, in front of what the client sends.
    ///
    /// - Returns: false where there is no buffer for it.
    func announce(_ place: UnsafeMutablePointer<TCPConnection>) -> Bool {
        let (service, arrival) = (place.pointee.service, place.pointee.arrival)
        if service.policy.proxyProtocol == .none { return true }
        guard let buffer = buffers.take() else { return false }
        let header = ProxyHeader(
            source: place.pointee.client,
            destination: SocketAddress(
                high: arrival.address.high, low: arrival.address.low, port: arrival.port))
        let count = header.write(service.policy.proxyProtocol, to: buffers.bytes(of: buffer))
        place.pointee[.client].buffer = buffer
        place.pointee[.client].start = 0
        place.pointee.state.precede(bytes: count)
        return true
    }
}

extension TCPConnection {
    /// What is held of this side.
    subscript(side: RelaySide) -> Holding {
        _read {
            if side == .client { yield fromClient } else { yield fromBackend }
        }
        _modify {
            if side == .client { yield &fromClient } else { yield &fromBackend }
        }
    }
}
