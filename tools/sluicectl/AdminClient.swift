// SPDX-License-Identifier: Apache-2.0

import Admin
import AsyncHTTPClient
import Foundation
import NIOCore
import NIOFoundationCompat
import NIOHTTP1

/// Asks the daemon on this host, over its Unix socket.
struct AdminClient {
    let socket: String

    private static let patience = TimeAmount.seconds(15)
    private static let answerBytesMax = 64 << 20

    init(host: CommonOptions) throws { socket = try host.host().directories.run + "/sluiced.sock" }

    func get<Answer: Decodable>(_ path: String, as: Answer.Type) async throws -> Answer {
        try await ask(.GET, path, body: nil, as: Answer.self)
    }

    func post<Answer: Decodable>(_ path: String, _ body: some Encodable, as: Answer.Type) async throws -> Answer {
        try await ask(.POST, path, body: try JSONEncoder().encode(body), as: Answer.self)
    }

    /// For requests whose answer says nothing but that it was done.
    func post(_ path: String) async throws {
        _ = try await send(.POST, path, body: nil)
    }

    func post(_ path: String, _ body: some Encodable) async throws {
        _ = try await send(.POST, path, body: try JSONEncoder().encode(body))
    }

    func delete(_ path: String) async throws {
        _ = try await send(.DELETE, path, body: nil)
    }

    private func ask<Answer: Decodable>(
        _ method: HTTPMethod, _ path: String, body: Data?, as: Answer.Type
    ) async throws -> Answer {
        try JSONDecoder().decode(Answer.self, from: try await send(method, path, body: body))
    }

    private func send(_ method: HTTPMethod, _ path: String, body: Data?) async throws -> Data {
        guard let url = URL(httpURLWithSocketPath: socket, uri: path) else {
            throw Failure(.usage, "\(socket) cannot be the path of a socket")
        }
        var request = HTTPClientRequest(url: url.absoluteString)
        request.method = method
        if let body {
            request.headers.add(name: "content-type", value: "application/json")
            request.body = .bytes(ByteBuffer(data: body))
        }
        let (status, data) = try await exchange(request)
        guard (200...299).contains(status) else {
            throw Self.failure(status, data, asked: "\(method) \(path)")
        }
        return data
    }

    private static func failure(_ status: Int, _ body: Data, asked request: String) -> Failure {
        do {
            return Failure(try JSONDecoder().decode(Admin.Problem.self, from: body))
        } catch {
            // No problem in it: then it was not a daemon of ours that answered.
            return Failure(.failed, "the daemon answered \(status) to \(request), and not why: \(body.count) bytes")
        }
    }

    private func exchange(_ request: HTTPClientRequest) async throws -> (status: Int, body: Data) {
        do {
            let response = try await HTTPClient.shared.execute(request, timeout: Self.patience)
            let body = try await response.body.collect(upTo: Self.answerBytesMax)
            return (Int(response.status.code), Data(buffer: body))
        } catch {
            if access(socket, R_OK | W_OK) != 0, errno == EACCES {
                throw Failure(.permission, "\(socket): permission denied", remedy: "be root or a member of its group")
            }
            throw Failure(
                .unreachable, "sluiced does not answer at \(socket): \(Self.cause(error))",
                remedy: "is it running?  systemctl status sluiced")
        }
    }

    /// In words; the libraries' own are for programmers.
    private static func cause(_ error: any Error) -> String {
        switch error {
        case let error as IOError where error.errnoCode == ENOENT: "there is no socket"
        case let error as IOError where error.errnoCode == ECONNREFUSED: "nobody listens there any more"
        case let error as IOError: strerror(error.errnoCode).map { String(cString: $0) } ?? "\(error)"
        case let error as HTTPClientError where timeouts.contains(error):
            "no answer within 15 s; it hangs or is stopped"
        default: "\(error)"
        }
    }

    private static let timeouts: [HTTPClientError] = [
        .deadlineExceeded, .readTimeout, .connectTimeout, .writeTimeout, .getConnectionFromPoolTimeout,
    ]
}
