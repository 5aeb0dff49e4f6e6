// SPDX-License-Identifier: Apache-2.0

import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import Synchronization

/// One client of Consul's HTTP API for all that this process asks of it.
///
/// Every call throws `ConsulError`, or `CancellationError` when its task is cancelled. `shutdown()` must be called
/// before it is let go of.
public final class ConsulClient: Sendable {
    public let settings: ConsulSettings
    private let clients: [HTTPClient]
    private let tls: TLSFiles
    private let polls: Gate
    private let requests: Gate
    /// The index of the address that answered last.
    private let preferred = Mutex(0)

    /// Opens no connection yet. `settings.addresses` must not be empty.
    public init(_ settings: ConsulSettings) {
        precondition(!settings.addresses.isEmpty, "Consul without an address")
        self.settings = settings
        tls = TLSFiles(settings.tls)
        polls = Gate(settings.maximumPolls)
        requests = Gate(settings.maximumRequests)
        // A client an address: the name that a certificate must have is mapped to one address each.
        clients = settings.addresses.map { address in
            var configuration = HTTPClient.Configuration()
            configuration.redirectConfiguration = .disallow
            configuration.timeout.connect = .seconds(3)
            configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit =
                settings.maximumPolls + settings.maximumRequests
            configuration.connectionPool.retryConnectionEstablishment = false
            if case .https(let host, _) = address, let name = settings.tls.serverName, name != host {
                configuration.dnsOverride = [name: host]
            }
            return HTTPClient(eventLoopGroup: HTTPClient.defaultEventLoopGroup, configuration: configuration)
        }
    }

    /// Closes all connections; what is under way fails.
    public func shutdown() async throws {
        for client in clients { try await client.shutdown() }
    }

    /// Reads below `/v1`.
    ///
    /// - Parameters:
    ///   - path: Begins with a slash and is percent-encoded already.
    ///   - accepting: Statuses that are answers, beside 200.
    public func get(
        _ path: String, query: [ConsulParameter] = [], consistency: ConsulConsistency = .default,
        blocking: ConsulBlocking? = nil, accepting: Set<Int> = []
    ) async throws -> ConsulResponse {
        let parameters = query + Self.parameters(consistency, blocking)
        let first = try await send(.GET, path, parameters, body: nil, blocking: blocking, accepting: accepting)
        guard case .stale(let age) = consistency, blocking == nil, first.isOlder(than: age) else { return first }
        return try await send(.GET, path, query, body: nil, blocking: nil, accepting: accepting)
    }

    /// Writes below `/v1`. A `ConsulError` says by `mayHaveHappened` whether it may have been done all the same.
    public func put(
        _ path: String, query: [ConsulParameter] = [], body: [UInt8] = [], accepting: Set<Int> = []
    ) async throws -> ConsulResponse {
        try await send(.PUT, path, query, body: body, blocking: nil, accepting: accepting)
    }

    /// Deletes below `/v1`.
    public func delete(
        _ path: String, query: [ConsulParameter] = [], accepting: Set<Int> = []
    ) async throws -> ConsulResponse {
        try await send(.DELETE, path, query, body: nil, blocking: nil, accepting: accepting)
    }

    /// A word of a path.
    public static func encoded(_ word: String) -> String { Percent.encoded(word) }

    private static func parameters(
        _ consistency: ConsulConsistency, _ blocking: ConsulBlocking?
    ) -> [ConsulParameter] {
        var parameters: [ConsulParameter] = []
        switch consistency {
        case .default: break
        case .stale: parameters.append(ConsulParameter("stale"))
        case .consistent: parameters.append(ConsulParameter("consistent"))
        }
        if let blocking {
            parameters.append(ConsulParameter("index", String(blocking.index)))
            parameters.append(ConsulParameter("wait", "\(Int64(blocking.wait / .milliseconds(1)))ms"))
        }
        return parameters
    }
}

extension ConsulClient {
    private func send(
        _ method: HTTPMethod, _ path: String, _ query: [ConsulParameter], body: [UInt8]?, blocking: ConsulBlocking?,
        accepting: Set<Int>
    ) async throws -> ConsulResponse {
        let target = "/v1" + path + Percent.query(query + scope)
        let limit = blocking.map { $0.wait + $0.wait / 16 + settings.slack } ?? settings.timeout
        return try await (blocking == nil ? requests : polls).within {
            var last: ConsulError?
            let start = preferred.withLock { $0 }
            for turn in clients.indices {
                let index = (start + turn) % clients.count
                let operation = "\(method) /v1\(path) at \(settings.addresses[index])"
                do {
                    let response = try await exchange(method, target, body, index, operation, limit, accepting)
                    preferred.withLock { $0 = index }
                    return response
                } catch let error as ConsulError {
                    last = error
                    preferred.withLock { $0 = (index + 1) % clients.count }
                    guard Self.mayTryElsewhere(method, error) else { break }
                }
            }
            throw last ?? ConsulError(.unreachable, "\(method) /v1\(path)", cause: "no address")
        }
    }

    /// A write only when nothing was sent.
    private static func mayTryElsewhere(_ method: HTTPMethod, _ error: ConsulError) -> Bool {
        switch error.kind {
        case .unreachable: method == .GET || !error.mayHaveHappened
        case .noLeader: method == .GET
        default: false
        }
    }

    private var scope: [ConsulParameter] {
        [("dc", settings.datacenter), ("ns", settings.namespace), ("partition", settings.partition)].compactMap {
            name, value in value.map { ConsulParameter(name, $0) }
        }
    }

    private func exchange(
        _ method: HTTPMethod, _ target: String, _ body: [UInt8]?, _ index: Int, _ operation: String, _ limit: Duration,
        _ accepting: Set<Int>
    ) async throws -> ConsulResponse {
        let request = try request(method, target, body, settings.addresses[index], operation)
        let client = clients[index]
        let bytesMax = settings.answerBytesMax
        let answer: (head: HTTPClientResponse, body: ByteBuffer)
        do {
            answer = try await Deadline.within(limit) {
                let head = try await client.execute(request, deadline: .distantFuture)
                return (head, try await head.body.collect(upTo: bytesMax))
            }
        } catch {
            if Task.isCancelled { throw CancellationError() }
            throw Self.failure(error, operation, limit)
        }
        let response = ConsulResponse(
            status: Int(answer.head.status.code), headers: answer.head.headers,
            body: Array(answer.body.readableBytesView), operation: operation)
        guard response.status == 200 || accepting.contains(response.status) else {
            throw ConsulError(
                operation, answer: response, retryAfter: answer.head.headers.first(name: "Retry-After"))
        }
        return response
    }

    private func request(
        _ method: HTTPMethod, _ target: String, _ body: [UInt8]?, _ address: ConsulAddress, _ operation: String
    ) throws -> HTTPClientRequest {
        guard let url = address.url(target, serverName: settings.tls.serverName) else {
            throw ConsulError(.refused, operation, cause: "\(address) makes no URL")
        }
        var request = HTTPClientRequest(url: url)
        request.method = method
        if let body { request.body = .bytes(ByteBuffer(bytes: body)) }
        // Without a host of its own a Unix socket's request would have no such field, which Go refuses.
        if case .unix = address { request.headers.add(name: "Host", value: "localhost") }
        if case .https = address { request.tlsConfiguration = try tls.configuration(operation: operation) }
        if let file = settings.tokenFile {
            request.headers.add(name: "X-Consul-Token", value: try TokenFile.token(file, operation: operation))
        }
        return request
    }

    private static func failure(_ error: any Error, _ operation: String, _ limit: Duration) -> ConsulError {
        switch error {
        case is Deadline.Passed:
            ConsulError(
                .timedOut, operation, cause: "no answer within \(limit.formattedSeconds)", mayHaveHappened: true)
        case let error as HTTPClientError where error == .connectTimeout:
            ConsulError(.unreachable, operation, cause: "no connection within 3 s")
        case let error as HTTPClientError where error == .tlsHandshakeTimeout:
            ConsulError(.unreachable, operation, cause: "no TLS handshake within 3 s")
        case is NIOTooManyBytesError:
            ConsulError(.garbage, operation, cause: "the answer is longer than any of Consul's", mayHaveHappened: true)
        default: Words.failure(error, operation)
        }
    }
}
