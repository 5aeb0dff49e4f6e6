// SPDX-License-Identifier: Apache-2.0

import Glibc
import TestSupport

/// One transfer through the relay: what each side sends, when, and what goes wrong. It travels as the transfer's first
/// bytes, so that the backend's side knows its part.
struct Transfer: Sendable {
    /// Who sends when.
    enum Order: UInt64, CaseIterable {
        /// Both at once.
        case together
        /// The backend when it has heard the client's end.
        case clientFirst
        /// The client when it has heard the backend's end.
        case backendFirst
    }

    var number = 0
    /// Chooses the bytes.
    var seed = 0
    /// From the client, from the backend.
    var up = 0
    var down = 0
    var order = Order.together
    /// The reader stands still for 20 ms when it has read so many; -1: never.
    var clientStall = -1
    var backendStall = -1
    /// The side resets when it has sent and received so many together; -1: never.
    var clientReset = -1
    var backendReset = -1

    static let headerBytes = 9 * 8

    init() {}

    /// Sizes from 1 byte to 50 MB, small ones as often as large ones.
    init(number: Int, largest: Int, random: inout SplitMix) {
        self.number = number
        seed = Int.random(in: 0..<Pattern.period, using: &random)
        func size() -> Int {
            let bits = Double.random(in: 0...log2(Double(largest)), using: &random)
            return max(1, min(largest, Int(exp2(bits))))
        }
        (up, down) = (size(), size())
        order = Order.allCases.randomElement(using: &random) ?? .together
        if Int.random(in: 0..<3, using: &random) == 0 { clientStall = Int.random(in: 0..<down, using: &random) }
        if Int.random(in: 0..<3, using: &random) == 0 { backendStall = Int.random(in: 0..<up, using: &random) }
        switch Int.random(in: 0..<10, using: &random) {
        case 0: clientReset = Int.random(in: 0..<up + down, using: &random)
        case 1: backendReset = Int.random(in: 0..<up + down, using: &random)
        default: break
        }
    }

    private var words: [Int] {
        [number, seed, up, down, Int(order.rawValue), clientStall, backendStall, clientReset, backendReset]
    }

    var header: [UInt8] { words.withUnsafeBytes { Array($0) } }

    init?(header: [UInt8]) {
        guard header.count == Self.headerBytes else { return nil }
        let words = header.withUnsafeBytes { bytes in
            (0..<9).map { bytes.loadUnaligned(fromByteOffset: 8 * $0, as: Int.self) }
        }
        guard let order = Order(rawValue: UInt64(words[4])) else { return nil }
        (number, seed, up, down, self.order) = (words[0], words[1], words[2], words[3], order)
        (clientStall, backendStall, clientReset, backendReset) = (words[5], words[6], words[7], words[8])
    }
}

/// The bytes of all transfers: each begins at another place of one sequence that repeats.
enum Pattern {
    static let period = 1_048_573
    /// The most that is compared or sent at once.
    static let piece = 131_072

    static let bytes: [UInt8] = {
        var random = SplitMix(seed: 4)
        var bytes = (0..<period).map { _ in UInt8(truncatingIfNeeded: random.next()) }
        bytes += bytes[..<piece]
        return bytes
    }()
}

/// One side of a transfer, on a non-blocking socket.
struct TransferEnd {
    enum Outcome: Equatable {
        /// All was sent and received, and both ends were in order.
        case whole
        /// It reset the connection itself, as it was to.
        case resetItself
        /// The other side's reset came; all before was right.
        case wasReset
        /// Something else than was sent came at this place.
        case differs(at: Int)
        /// An orderly end came too early, or too late.
        case wrongEnd(at: Int)
        /// Nothing moved for a minute.
        case stuck(sent: Int, received: Int)
    }

    let socket: Int32
    let sends: Int
    let receives: Int
    let seed: Int
    let sendsAfterEnd: Bool
    let stallAt: Int
    let resetAt: Int
    private var sent = 0
    private var received = 0
    private var hasEnded = false
    private var isShut = false
    private var stalledUntil: ContinuousClock.Instant?
    private var hasStalled = false
    private var room = [UInt8](repeating: 0, count: Pattern.piece)

    /// - Parameter socket: its transfer's header is behind it already.
    init(_ transfer: Transfer, socket: Int32, isClient: Bool) {
        self.socket = socket
        (sends, receives) = isClient ? (transfer.up, transfer.down) : (transfer.down, transfer.up)
        seed = transfer.seed
        sendsAfterEnd = transfer.order == (isClient ? .backendFirst : .clientFirst)
        stallAt = isClient ? transfer.clientStall : transfer.backendStall
        resetAt = isClient ? transfer.clientReset : transfer.backendReset
    }

    mutating func run() -> Outcome {
        while true {
            if resetAt >= 0, sent + received >= resetAt { return reset() }
            if isShut && hasEnded { return .whole }
            let writes = sent < sends && (!sendsAfterEnd || hasEnded)
            if sent == sends && !isShut {
                shutdown(socket, Int32(SHUT_WR))
                isShut = true
                continue
            }
            let reads = !hasEnded && !isStalled()
            var poll = pollfd(
                fd: socket, events: Int16((writes ? POLLOUT : 0) | (reads ? POLLIN : 0)), revents: 0)
            let ready = Glibc.poll(&poll, 1, stalledUntil == nil ? 60_000 : 20)
            if ready == 0 && stalledUntil == nil { return .stuck(sent: sent, received: received) }
            let events = Int32(poll.revents)
            if reads, events & (POLLIN | POLLERR | POLLHUP) != 0, let outcome = read() { return outcome }
            if writes, events & (POLLOUT | POLLERR | POLLHUP) != 0, let outcome = write() { return outcome }
            if !reads, !writes, events & (POLLERR | POLLHUP) != 0, hasEnded == false { stalledUntil = nil }
        }
    }

    /// From the first time that it has read enough, for 20 ms.
    private mutating func isStalled() -> Bool {
        if !hasStalled, stallAt >= 0, received >= stallAt {
            hasStalled = true
            stalledUntil = .now + .milliseconds(20)
        }
        if let end = stalledUntil, ContinuousClock.now >= end { stalledUntil = nil }
        return stalledUntil != nil
    }

    private func reset() -> Outcome {
        var option = linger(l_onoff: 1, l_linger: 0)
        setsockopt(socket, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
        return .resetItself
    }

    private mutating func read() -> Outcome? {
        let count = recv(socket, &room, room.count, 0)
        if count < 0 { return errno == EAGAIN ? nil : .wasReset }
        if count == 0 {
            hasEnded = true
            return received == receives ? nil : .wrongEnd(at: received)
        }
        let start = (seed + received) % Pattern.period
        let same = Pattern.bytes.withUnsafeBytes { pattern in
            room.withUnsafeBytes { room in
                // In bounds: a period, and a piece more, which is as much as comes at once.
                guard let came = room.baseAddress, let sent = pattern.baseAddress else { return false }
                return memcmp(came, sent + start, count) == 0
            }
        }
        guard same else { return .differs(at: received) }
        received += count
        return received > receives ? .wrongEnd(at: received) : nil
    }

    private mutating func write() -> Outcome? {
        let start = (seed + sent) % Pattern.period
        var count = min(sends - sent, Pattern.piece)
        // A reset comes at its place, not a piece later.
        if resetAt >= 0 { count = min(count, max(1, resetAt - sent - received)) }
        let answer = Pattern.bytes.withUnsafeBytes {
            send(socket, $0.baseAddress.map { $0 + start }, count, Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT))
        }
        if answer < 0 { return errno == EAGAIN ? nil : .wasReset }
        sent += answer
        return nil
    }
}
