// SPDX-License-Identifier: Apache-2.0

import EventLoop
import Glibc
import HTTP
import TestSupport

/// A proxy on loopback with a loop of its own.
struct Fixture {
    let loop: EventLoop
    let worker: ProxyWorker
    let port: UInt16

    init(
        _ version: ProxyConfiguration.Version = .http1, backends: [UInt16], limits: ProxyLimits = Self.limits,
        adjust: (inout ProxyConfiguration) -> Void = { _ in }
    ) async throws {
        let listener = try Descriptor.listener(on: .loopback(port: 0), backlog: 1024)
        port = try listener.localAddress().port
        loop = try EventLoop.start(name: "proxy")
        worker = ProxyWorker(loop: loop, limits: limits)
        var configuration = Self.configuration(version, backends)
        adjust(&configuration)
        await worker.apply(configuration)
        try await worker.listen(on: listener)
    }

    static var limits: ProxyLimits {
        var limits = ProxyLimits()
        limits.connections = 1024
        return limits
    }

    static func configuration(_ version: ProxyConfiguration.Version, _ backends: [UInt16]) -> ProxyConfiguration {
        let service = ProxyConfiguration.Service(
            name: "web", version: version,
            backends: backends.map { ProxyConfiguration.Backend(address: .loopback(port: $0)) })
        return ProxyConfiguration(
            services: [service],
            routes: [
                ProxyConfiguration.Route(path: "/-/answer", action: .answer(status: 204)),
                ProxyConfiguration.Route(action: .services([(service: 0, weight: 1)])),
            ])
    }

    var address: String { "http://127.0.0.1:\(port)" }

    func end() async {
        await worker.stop()
        loop.stop()
    }

    /// What curl prints for a target, by HTTP/1.1 and HTTP/2 with prior knowledge in turn.
    func curl(_ target: String, _ arguments: String = "") throws -> [String] {
        try ["--http1.1", "--http2-prior-knowledge"].map {
            try Shell.run("curl -sS --max-time 20 \($0) \(arguments) '\(address)\(target)' 2>&1 || true")
        }
    }
}

/// A TCP socket as a plain program has it: it waits in its calls, twenty seconds at most.
final class PlainSocket: Sendable {
    let number: Int32

    init(port: UInt16) throws {
        number = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var limit = timeval(tv_sec: 20, tv_usec: 0)
        setsockopt(number, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        let descriptor = Descriptor(adopting: number)
        let answer = descriptor.begin(connectTo: .loopback(port: port))
        _ = descriptor.release()
        guard answer == 0 else { throw SystemError("connect to port \(port)", cause: "error \(answer)") }
    }

    deinit { close(number) }

    func write(_ text: String) { write(Array(text.utf8)) }

    func write(_ octets: [UInt8]) {
        var rest = octets[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { send(number, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            guard count > 0 else { return }
            rest = rest.dropFirst(count)
        }
    }

    func endWriting() { _ = shutdown(number, Int32(SHUT_WR)) }

    /// All that comes until the text, or the end.
    func read(until end: String = "") -> String {
        var received: [UInt8] = []
        var room = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = recv(number, &room, room.count, 0)
            guard count > 0 else { break }
            received += room.prefix(count)
            if !end.isEmpty && String(decoding: received, as: UTF8.self).hasSuffix(end) { break }
        }
        return String(decoding: received, as: UTF8.self)
    }
}
