// SPDX-License-Identifier: Apache-2.0

import Glibc
import Synchronization

/// An HTTP/1.1 server on loopback that answers as its script says, each connection on a thread of its own.
public final class ScriptedHTTPServer: Sendable {
    public struct Request: Sendable {
        /// From 1, over all connections.
        public let number: Int
        public let method: String
        /// Path and query.
        public let target: String
        /// Whole, with all fields.
        public let head: String
        public let body: String
    }

    public enum Reply: Sendable {
        case answer(status: Int = 200, headers: [String: String] = [:], body: String = "")
        case late(Duration, body: String, headers: [String: String] = [:])
        /// These bytes, and the connection is closed.
        case raw(String)
        /// Nothing more, ever, as when only one end of the connection is left.
        case silence
        case close
    }

    public let port: UInt16
    private let script: @Sendable (Request) -> Reply
    private let listener: Int32
    private let stopping = Atomic(false)
    private let seen = Mutex<[Request]>([])

    public init(_ script: @escaping @Sendable (Request) -> Reply) throws {
        self.script = script
        let free = try ServerProcess.freePorts(1)
        port = free[0]
        listener = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = in_addr_t(0x7f00_0001).bigEndian
        address.sin_port = port.bigEndian
        let listener = listener
        let ready = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0 && listen(listener, 64) == 0
            }
        }
        guard ready else { throw SystemError("listen on port \(port)") }
        try DetachedThread.run { [self] in accepting() }
    }

    public var address: String { "http://127.0.0.1:\(port)" }
    public var requests: [Request] { seen.withLock { $0 } }

    /// The threads end within 20 ms; must be called, since they keep the server alive.
    public func stop() { stopping.store(true, ordering: .releasing) }

    private var isStopping: Bool { stopping.load(ordering: .acquiring) }

    private func accepting() {
        while !isStopping {
            guard isReadable(listener) else { continue }
            let connection = Glibc.accept(listener, nil, nil)
            guard connection >= 0 else { continue }
            do {
                try DetachedThread.run { [self] in
                    serve(connection)
                    // A program that the test started meanwhile may hold a copy, which a close alone would leave open.
                    shutdown(connection, Int32(SHUT_RDWR))
                    close(connection)
                }
            } catch {
                close(connection)
            }
        }
        close(listener)
    }

    private func serve(_ connection: Int32) {
        var received: [UInt8] = []
        while let request = request(on: connection, &received) {
            switch script(request) {
            case .answer(let status, let headers, let body): answer(connection, status, headers, body)
            case .late(let delay, let body, let headers):
                let end = ContinuousClock.now + delay
                while ContinuousClock.now < end && !isStopping { usleep(2000) }
                answer(connection, 200, headers, body)
            case .raw(let text):
                write(connection, text)
                return
            case .silence:
                while !isStopping { usleep(10_000) }
                return
            case .close: return
            }
        }
    }

    private func request(on connection: Int32, _ received: inout [UInt8]) -> Request? {
        var room = [UInt8](repeating: 0, count: 65536)
        while !isStopping {
            if let request = parsed(&received) { return request }
            guard isReadable(connection) else { continue }
            let count = recv(connection, &room, room.count, 0)
            guard count > 0 else { return nil }
            received += room.prefix(count)
        }
        return nil
    }

    private func parsed(_ received: inout [UInt8]) -> Request? {
        let text = String(decoding: received, as: UTF8.self)
        guard let end = text.firstRange(of: "\r\n\r\n") else { return nil }
        let head = String(text[..<end.lowerBound])
        let lines = head.split(separator: "\r\n")
        let length =
            lines.first { $0.lowercased().hasPrefix("content-length:") }
            .flatMap { Int($0.split(separator: ":")[1].trimmed) } ?? 0
        let rest = text[end.upperBound...]
        guard rest.utf8.count >= length, let words = lines.first?.split(separator: " "), words.count > 1 else {
            return nil
        }
        received.removeFirst(head.utf8.count + 4 + length)
        return seen.withLock { seen in
            let request = Request(
                number: seen.count + 1, method: String(words[0]), target: String(words[1]), head: head,
                body: String(decoding: rest.utf8.prefix(length), as: UTF8.self))
            seen.append(request)
            return request
        }
    }

    private func answer(_ connection: Int32, _ status: Int, _ headers: [String: String], _ body: String) {
        let fields = headers.map { "\($0.key): \($0.value)\r\n" }.joined()
        write(connection, "HTTP/1.1 \(status) X\r\n\(fields)Content-Length: \(body.utf8.count)\r\n\r\n\(body)")
    }

    private func write(_ connection: Int32, _ text: String) {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { send(connection, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            guard count > 0 else { return }
            rest = rest.dropFirst(count)
        }
    }

    private func isReadable(_ descriptor: Int32) -> Bool {
        var poll = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return Glibc.poll(&poll, 1, 10) > 0
    }
}

extension Substring {
    fileprivate var trimmed: Substring { drop { $0 == " " } }
}
