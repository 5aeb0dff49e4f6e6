// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import TestSupport

/// A blocking HTTP client of one request a connection, on a Unix socket or a port of loopback.
struct Client: Sendable {
    enum Server: Sendable {
        case socket(String)
        case port(Int)
    }

    struct Answer: Sendable {
        let status: Int
        let headers: [String: String]
        let body: String

        func decoded<Value: Decodable>(as type: Value.Type) throws -> Value {
            try JSONDecoder().decode(type, from: Data(body.utf8))
        }
    }

    let server: Server

    func send(_ method: String, _ path: String, body: String = "") async throws -> Answer {
        let request =
            "\(method) \(path) HTTP/1.1\r\nHost: sluiced\r\nConnection: close\r\n"
            + "Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
        // A thread of its own: the tasks' threads are the server's in this process.
        return try await withCheckedThrowingContinuation { continuation in
            Self.detach { continuation.resume(with: Result { try Self.exchange(request, with: server) }) }
        }
    }

    static func detach(_ body: @escaping @Sendable () -> Void) { Thread.detachNewThread(body) }

    private static func exchange(_ request: String, with server: Server) throws -> Answer {
        let descriptor = try connected(to: server)
        defer { close(descriptor) }
        var limit = timeval(tv_sec: 20, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        // A server that has refused the body may have closed before all of it is sent.
        let sent = Array(request.utf8)
        _ = Glibc.send(descriptor, sent, sent.count, Int32(MSG_NOSIGNAL))
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65536)
        while case let count = recv(descriptor, &buffer, buffer.count, 0), count > 0 { bytes += buffer[..<count] }
        return try parse(String(decoding: bytes, as: UTF8.self))
    }

    private static func parse(_ text: String) throws -> Answer {
        guard let end = text.range(of: "\r\n\r\n") else { throw SystemError("read an answer", cause: "got '\(text)'") }
        let lines = text[..<end.lowerBound].components(separatedBy: "\r\n")
        let status = lines[0].split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
        let headers = lines.dropFirst().compactMap { line -> (String, String)? in
            guard let colon = line.firstIndex(of: ":") else { return nil }
            return (line[..<colon].lowercased(), line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces))
        }
        return Answer(
            status: status, headers: Dictionary(headers) { one, _ in one }, body: String(text[end.upperBound...]))
    }

    private static func connected(to server: Server) throws -> Int32 {
        switch server {
        case .socket(let path):
            var address = sockaddr_un()
            address.sun_family = sa_family_t(AF_UNIX)
            withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
            return try connected(AF_UNIX, &address)
        case .port(let port):
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = in_port_t(UInt16(port)).bigEndian
            address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
            return try connected(AF_INET, &address)
        }
    }

    private static func connected<Address>(_ family: Int32, _ address: inout Address) throws -> Int32 {
        let descriptor = socket(family, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { throw SystemError("make a socket") }
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<Address>.size))
            }
        }
        guard result == 0 else {
            let error = SystemError("connect")
            close(descriptor)
            throw error
        }
        return descriptor
    }
}
