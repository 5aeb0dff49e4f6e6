// SPDX-License-Identifier: Apache-2.0

import EventLoop
import Glibc
import Model

/// The probes of one target, one at a time: connect, and for HTTP ask and read the head of the answer. It belongs to
/// its loop's thread, and never waits longer than the check's time limit.
final class Probe {
    enum Result: Hashable {
        case success
        case failure(String)
    }

    private let loop: EventLoop
    private let finished: (Result) -> Void
    private var deadline: TimerID?
    private var descriptor: Descriptor?
    private var registration: Registration?
    private var target: ProbeTarget?
    /// A failure that was known at once, told a moment later.
    private var pending: String?
    private var phase = Phase.idle
    private var unsent: ArraySlice<UInt8> = []
    private var head = ResponseHead()

    private enum Phase {
        case idle, connecting, sending, receiving
    }

    /// `finished` is called once a probe, never within `start`.
    init(on loop: EventLoop, finished: @escaping (Result) -> Void) {
        self.loop = loop
        self.finished = finished
        deadline = loop.timer { [weak self] in self?.expire() }
    }

    /// Begins a probe; nothing may be under way.
    func start(_ target: ProbeTarget) {
        guard let deadline else { return }
        self.target = target
        phase = .connecting
        do {
            try connect(target)
            loop.arm(deadline, after: pending == nil ? target.check.timeout : .zero)
        } catch {
            // Not told at once: a caller that starts the next one in return would grow the stack.
            pending = Self.text(of: error)
            loop.arm(deadline, after: .zero)
        }
    }

    /// Ends what is under way without a result, and lets go of everything.
    func close() {
        disconnect()
        if let deadline { loop.remove(deadline) }
        deadline = nil
    }

    private func connect(_ target: ProbeTarget) throws(EventLoopError) {
        let socket = try Descriptor.stream(for: target.socketAddress)
        // A probe every two seconds for each of thousands of backends would fill the port range with TIME_WAIT.
        try socket.resetOnClose()
        try socket.setOption(Int32(IPPROTO_TCP), TCP_NODELAY, 1)
        if let mark = target.mark { try socket.setMark(mark) }
        _ = try socket.connect(to: target.socketAddress)
        // Such packets never leave, so whoever answers is not the backend.
        if target.mark != nil, try socket.localAddress().isSameHost(as: target.socketAddress) {
            pending = "the VIP is an address of this host"
        }
        registration = try loop.register(socket, for: .writable) { [weak self] in self?.ready($0) }
        descriptor = consume socket
    }

    private func ready(_ readiness: Readiness) {
        if pending != nil { return }
        do throws(EventLoopError) {
            switch phase {
            case .idle: return
            case .connecting: try connected()
            case .sending: try send()
            case .receiving: try receive()
            }
        } catch {
            finish(.failure(Self.text(of: error)))
        }
    }

    private func connected() throws(EventLoopError) {
        let cause = descriptor?.pendingError() ?? 0
        guard cause == 0 else { throw EventLoopError(operation: "connect", subject: "", errno: cause) }
        guard let target, case .http(_, let path, let host, _) = target.check.probe else { return finish(.success) }
        unsent = Self.request(path: path, host: host ?? target.hostHeader)[...]
        head = ResponseHead()
        phase = .sending
        try send()
    }

    private func send() throws(EventLoopError) {
        while !unsent.isEmpty {
            let sent = try descriptor?.sendBytes(unsent) ?? .end
            guard case .bytes(let count) = sent else { return }
            unsent = unsent.dropFirst(count)
        }
        phase = .receiving
        if let registration { try loop.change(registration, to: .readable) }
    }

    private func receive() throws(EventLoopError) {
        guard case .http(_, _, _, let healthy) = target?.check.probe else { return }
        let (transfer, progress) = try readHead()
        switch (transfer, progress) {
        case (.wouldBlock, _), (.bytes, .needsMore): return
        case (.end, _): finish(.failure("closed before a whole answer"))
        case (.bytes, .malformed(let cause)): finish(.failure(cause))
        case (.bytes, .status(let status)):
            finish(healthy.contains(status) ? .success : .failure("status \(status)"))
        }
    }

    /// One read a readiness: the loop asks again while there is more.
    private func readHead() throws(EventLoopError) -> (Transfer, ResponseHead.Progress) {
        var room: [UInt8] = Array(repeating: 0, count: 2048)
        guard let transfer = try descriptor?.readBytes(into: &room) else { return (.end, .needsMore) }
        guard case .bytes(let count) = transfer else { return (transfer, .needsMore) }
        return (transfer, room.withUnsafeBytes { head.take(UnsafeRawBufferPointer(rebasing: $0.prefix(count))) })
    }

    private func expire() {
        if let pending { return finish(.failure(pending)) }
        let limit = (target?.check.timeout.wholeNanoseconds ?? 0) / 1_000_000
        switch phase {
        case .idle: return
        case .connecting: finish(.failure("no connection within \(limit) ms"))
        case .sending, .receiving: finish(.failure("no answer within \(limit) ms"))
        }
    }

    private func finish(_ result: Result) {
        disconnect()
        finished(result)
    }

    private func disconnect() {
        phase = .idle
        pending = nil
        if let registration { loop.deregister(registration) }
        registration = nil
        descriptor = nil
        if let deadline { loop.disarm(deadline) }
    }

    private static func request(path: String, host: String) -> [UInt8] {
        let lines = [
            "GET \(path) HTTP/1.1", "Host: \(host)", "User-Agent: sluice-health", "Accept: */*", "Connection: close",
        ]
        return Array((lines.joined(separator: "\r\n") + "\r\n\r\n").utf8)
    }

    /// Verdicts stand beside the backend's name, so the cause alone is enough.
    private static func text(of error: EventLoopError) -> String {
        let cause = EventLoopError.text(of: error.errno).lowercased()
        return error.operation == "connect" ? cause : "\(error.operation): \(cause)"
    }
}

extension ProbeTarget {
    /// RFC 9110, 7.2: an IPv6 address in brackets, the port unless it is HTTP's own.
    fileprivate var hostHeader: String {
        let name = address.isIPv4 ? "\(address)" : "[\(address)]"
        return port == 80 ? name : "\(name):\(port)"
    }
}

extension SocketAddress {
    fileprivate func isSameHost(as other: SocketAddress) -> Bool { high == other.high && low == other.low }
}

extension Descriptor {
    fileprivate func sendBytes(_ bytes: ArraySlice<UInt8>) throws(EventLoopError) -> Transfer {
        try bytes.withUnsafeBufferPointer { bytes throws(EventLoopError) in try send(UnsafeRawBufferPointer(bytes)) }
    }

    fileprivate func readBytes(into room: inout [UInt8]) throws(EventLoopError) -> Transfer {
        try room.withUnsafeMutableBufferPointer { room throws(EventLoopError) in
            try read(into: UnsafeMutableRawBufferPointer(room))
        }
    }
}
