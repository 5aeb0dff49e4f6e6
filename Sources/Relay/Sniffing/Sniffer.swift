// SPDX-License-Identifier: Apache-2.0

import EventLoop
import Glibc
import Model

/// What a connection speaks, as far as it decides where the connection goes.
public enum SniffedSpeech: Hashable, Sendable {
    /// With the name that its client asks for, in lower case.
    case tls(name: String?)
    case http
    case raw
    /// It has not said enough in time: a protocol whose server speaks first, for one.
    case undecided
}

/// Accepts connections, and waits for their first bytes without taking any: who gets a connection reads it from its
/// beginning. For its loop's thread alone.
///
/// What waits is bounded: where there is no room left, or in a few seconds, the one that has waited longest is decided as
/// it is.
public final class Sniffer {
    /// One connection that has not been decided, between those that came before and after it.
    private struct Waiting: ~Copyable {
        let socket: Descriptor
        let client: SocketAddress
        let vip: VIP
        let deadline: MonotonicInstant
        var older: Int?
        var newer: Int?
    }

    private let loop: EventLoop
    private let patience: Duration
    private let found: (consuming Descriptor, SocketAddress, VIP, SniffedSpeech) -> Void
    private var connections: SlotTable<Waiting>
    private var oldest: Int?
    private var newest: Int?
    private var listeners: [UInt64: Registered] = [:]
    private var nextListener: UInt64 = 0
    private var acceptSink: SinkID?
    private var sink: SinkID?
    private var timer: TimerID?
    private var pause: TimerID?
    private let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: Sniff.bytesMax + 1, alignment: 16)
    private let room = UnsafeMutableRawBufferPointer.allocate(byteCount: ClientHello.bytesMax, alignment: 16)

    /// In a place that holds no value of one owner.
    private final class Registered {
        let socket: Descriptor
        let vip: VIP

        init(_ socket: consuming Descriptor, _ vip: VIP) {
            self.socket = socket
            self.vip = vip
        }
    }

    private static let acceptBudget = 64
    private static let pauseTime = Duration.milliseconds(100)

    /// - Parameter found: takes each connection with its client, the listener's address, and what it speaks.
    public init(
        loop: EventLoop, capacity: Int = 4096, patience: Duration = .seconds(3),
        found: @escaping (consuming Descriptor, SocketAddress, VIP, SniffedSpeech) -> Void
    ) {
        self.loop = loop
        self.patience = patience
        self.found = found
        connections = SlotTable(capacity: capacity)
    }

    deinit {
        bytes.deallocate()
        room.deallocate()
    }

    /// Connections that are not decided yet.
    public var waiting: Int { connections.count }

    public func listen(on socket: consuming Descriptor, for vip: VIP) throws(EventLoopError) {
        try start()
        guard let acceptSink else { return }
        // What is accepted has it too, and who gets it expects it.
        try socket.setOption(Int32(IPPROTO_TCP), TCP_NODELAY, 1)
        let number = nextListener
        let failure = loop.watch(socket.rawValue, for: .readable, sink: acceptSink, token: number)
        guard failure == 0 else {
            throw EventLoopError(operation: "watch", subject: "listener of \(vip)", errno: failure)
        }
        nextListener += 1
        listeners[number] = Registered(socket, vip)
    }

    /// Its sockets are closed; connections that are not decided yet are reset.
    public func stopListening(on vip: VIP) {
        for (number, listener) in listeners where listener.vip == vip { close(number, listener) }
        var next = oldest
        while let index = next {
            next = connections.place(index).pointee.newer
            if connections.place(index).pointee.vip == vip { _ = take(index).socket.willReset() }
        }
    }

    /// Takes nothing new; what has come is decided.
    public func drain() {
        for (number, listener) in listeners { close(number, listener) }
    }

    private func close(_ number: UInt64, _ listener: Registered) {
        // Others may have the same socket, so that the close alone does not end the watch.
        loop.unwatch(listener.socket.rawValue)
        listeners[number] = nil
    }

    private func start() throws(EventLoopError) {
        guard sink == nil else { return }
        acceptSink = try loop.sink { [unowned self] token, _ in accept(token) }
        sink = try loop.sink { [unowned self] token, _ in
            if let index = connections.index(of: token) { look(index) }
        }
        timer = loop.timer { [unowned self] in timePassed() }
        pause = loop.timer { [unowned self] in watchListeners(.readable) }
    }

    // MARK: Accepting

    private func accept(_ number: UInt64) {
        var client = SocketAddress.loopback(port: 0)
        for _ in 0..<Self.acceptBudget {
            guard let listener = listeners[number] else { return }
            let answer = listener.socket.acceptFrom(&client)
            guard answer >= 0 else {
                // No descriptor or memory is left: the queue keeps what waits, and nobody spins over it.
                if answer != -EAGAIN { beginPause() }
                return
            }
            begin(Descriptor(adopting: answer), client, listener.vip)
        }
    }

    private func beginPause() {
        watchListeners([])
        if let pause { loop.arm(pause, after: Self.pauseTime) }
    }

    private func watchListeners(_ interest: Readiness) {
        guard let acceptSink else { return }
        for (number, listener) in listeners {
            let failure = loop.rewatch(listener.socket.rawValue, for: interest, sink: acceptSink, token: number)
            // Asked again later: no memory is there for it now.
            if failure != 0, !interest.isEmpty, let pause { loop.arm(pause, after: Self.pauseTime) }
        }
    }

    private func begin(_ socket: consuming Descriptor, _ client: SocketAddress, _ vip: VIP) {
        if connections.isFull, let oldest { decide(oldest, .undecided) }
        let deadline = MonotonicInstant.now.advanced(by: patience)
        let index = connections.insert(
            Waiting(socket: socket, client: client, vip: vip, deadline: deadline, older: newest, newer: nil))
        if let newest { connections.place(newest).pointee.newer = index } else { oldest = index }
        newest = index
        // Most have spoken by now. Told of each byte that comes (edges), as those that wait stay where they are.
        guard !look(index), let sink else { return }
        let place = connections.place(index)
        let failure = loop.watch(
            place.pointee.socket.rawValue, for: [.readable, .peerClosed, .edgeTriggered], sink: sink,
            token: connections.token(index))
        if failure != 0 { return decide(index, .undecided) }
        if let timer, oldest == index { loop.arm(timer, at: deadline) }
    }

    // MARK: Deciding

    /// Looks at what has come; whether it is decided.
    @discardableResult
    private func look(_ index: Int) -> Bool {
        let socket = connections.place(index).pointee.socket.rawValue
        let count = recv(socket, bytes.baseAddress, bytes.count, Int32(MSG_PEEK) | Int32(MSG_DONTWAIT))
        if count < 0, errno == EAGAIN || errno == EINTR { return false }
        guard count > 0 else {
            // Gone without a word, or reset: there is nobody to serve.
            _ = take(index)
            return true
        }
        // In bounds: no more came than there was room for.
        guard let speech = speech(UnsafeRawBufferPointer(rebasing: bytes[..<count])) else {
            guard hasEnded(socket) else { return false }
            decide(index, .undecided)
            return true
        }
        decide(index, speech)
        return true
    }

    private func speech(_ said: UnsafeRawBufferPointer) -> SniffedSpeech? {
        switch Sniff.classify(said, room: room) {
        case nil: nil
        case .raw: .raw
        case .http1, .http2: .http
        case .tls(let hello):
            // Once a connection: the name is compared with those of the listener.
            .tls(name: hello.serverName.map { String(decoding: room[$0], as: UTF8.self).lowercased() })
        }
    }

    /// Its client has sent its last byte: no other will decide.
    private func hasEnded(_ socket: Int32) -> Bool {
        var entry = pollfd(fd: socket, events: Int16(truncatingIfNeeded: Readiness.peerClosed.rawValue), revents: 0)
        return poll(&entry, 1, 0) > 0 && entry.revents != 0
    }

    private func decide(_ index: Int, _ speech: SniffedSpeech) {
        let one = take(index)
        let (client, vip) = (one.client, one.vip)
        found(one.socket, client, vip, speech)
    }

    /// Out of the table and of the order in which they came.
    private func take(_ index: Int) -> Waiting {
        let one = connections.remove(index)
        if let older = one.older { connections.place(older).pointee.newer = one.newer } else { oldest = one.newer }
        if let newer = one.newer { connections.place(newer).pointee.older = one.older } else { newest = one.older }
        // Never watched, or not any more: whoever gets it watches it anew.
        loop.unwatch(one.socket.rawValue)
        return one
    }

    private func timePassed() {
        let now = MonotonicInstant.now
        while let index = oldest, connections.place(index).pointee.deadline <= now { decide(index, .undecided) }
        if let timer, let oldest { loop.arm(timer, at: connections.place(oldest).pointee.deadline) }
    }
}
