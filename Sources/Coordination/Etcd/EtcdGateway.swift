// SPDX-License-Identifier: Apache-2.0

import AsyncHTTPClient
import Foundation
import NIOCore
import NIOFoundationCompat

/// Where etcd is and as whom it is asked.
public struct EtcdSettings: Hashable, Sendable {
    /// URLs of members, `https://10.0.0.1:2379`; the first that answers serves until it does not.
    public var endpoints: [String]
    public var user: String?
    public var passwordFile: String?
    public var tls: StoreTLS
    /// For each request: a member that is cut off hangs a write for six seconds.
    public var timeout: Duration

    public init(
        endpoints: [String], user: String? = nil, passwordFile: String? = nil, tls: StoreTLS = StoreTLS(),
        timeout: Duration = .seconds(2)
    ) {
        self.endpoints = endpoints
        self.user = user
        self.passwordFile = passwordFile
        self.tls = tls
        self.timeout = timeout
    }
}

/// Requests to the members of one etcd cluster, through their v3 JSON gateway.
actor EtcdGateway {
    nonisolated let settings: EtcdSettings
    nonisolated let place: String
    private let tls: EtcdTLS
    var preferred = 0
    private var token: String?
    /// Of the last answer: a lower revision, or another cluster, is doubted once.
    private var seen: (cluster: String, revision: Int64)?

    private static let answerBytesMax = 64 << 20

    /// One for all clusters and the whole life of the process, as the package's own shared one, but a member that is
    /// not there is told at once, so that the next can be asked.
    static let client: HTTPClient = {
        var configuration = HTTPClient.Configuration()
        configuration.redirectConfiguration = .disallow
        configuration.timeout.connect = .seconds(1)
        configuration.connectionPool.retryConnectionEstablishment = false
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 64
        return HTTPClient(eventLoopGroup: HTTPClient.defaultEventLoopGroup, configuration: configuration)
    }()

    init(_ settings: EtcdSettings) throws {
        guard !settings.endpoints.isEmpty else { throw StoreError.settings("etcd without an endpoint") }
        for endpoint in settings.endpoints {
            guard let url = URL(string: endpoint), ["http", "https"].contains(url.scheme), url.host != nil else {
                throw StoreError.settings("'\(endpoint)' is no endpoint of etcd; one is http://10.0.0.1:2379")
            }
        }
        self.settings = settings
        place = "etcd at \(settings.endpoints.joined(separator: ", "))"
        tls = EtcdTLS(settings.tls)
    }

    /// Reads, from each member in turn until one answers.
    ///
    /// An answer of a lower revision or of another cluster is asked for once more; then it stands, for our own epochs
    /// to judge.
    func transaction(reading ranges: [EtcdRange]) async throws -> EtcdTransactionAnswer {
        let request = EtcdTransaction(success: ranges.map { .range($0) })
        let answer: EtcdTransactionAnswer = try await read("kv/txn", request)
        guard isDoubtful(answer.header) else { return answer }
        preferred = (preferred + 1) % settings.endpoints.count
        let again: EtcdTransactionAnswer = try await read("kv/txn", request)
        note(again.header)
        return again
    }

    func range(_ range: EtcdRange) async throws -> EtcdRangeAnswer {
        let answer: EtcdRangeAnswer = try await read("kv/range", range)
        guard isDoubtful(answer.header) else { return answer }
        preferred = (preferred + 1) % settings.endpoints.count
        let again: EtcdRangeAnswer = try await read("kv/range", range)
        note(again.header)
        return again
    }

    /// Writes, by one member that is known to have been reached; throws `unknown` where it may have been done.
    func transaction(_ transaction: EtcdTransaction) async throws -> EtcdTransactionAnswer {
        let answer: EtcdTransactionAnswer = try await write("kv/txn", transaction)
        note(answer.header)
        return answer
    }

    /// What may be done twice: given to each member in turn until one answers.
    func read<Answer: Decodable & Sendable>(_ path: String, _ request: some Encodable & Sendable) async throws -> Answer
    {
        var last: (any Error)?
        for _ in settings.endpoints.indices {
            do {
                return try await send(path, request)
            } catch let error as StoreError where error.isTransient {
                last = error
                try Task.checkCancellation()
            }
        }
        if case .unknown(let place, let operation, let cause) = last as? StoreError {
            throw StoreError.unreachable(place: place, operation: operation, cause: cause)
        }
        throw last ?? StoreError.unreachable(place: place, operation: words(of: path), cause: "no endpoint")
    }

    private func write<Answer: Decodable & Sendable>(_ path: String, _ request: some Encodable & Sendable) async throws
        -> Answer
    {
        var last: (any Error)?
        for _ in settings.endpoints.indices {
            do {
                return try await send(path, request)
            } catch let error as StoreError {
                // Only where nothing was sent.
                guard case .unreachable = error else { throw error }
                last = error
                try Task.checkCancellation()
            }
        }
        throw last ?? StoreError.unreachable(place: place, operation: words(of: path), cause: "no endpoint")
    }

    private func isDoubtful(_ header: EtcdHeader?) -> Bool {
        guard let header, let seen else { return false }
        if header.clusterId == seen.cluster, header.number >= seen.revision {
            note(header)
            return false
        }
        return true
    }

    private func note(_ header: EtcdHeader?) {
        if let header { seen = (header.clusterId ?? "", header.number) }
    }
}

extension EtcdGateway {
    /// One request to the preferred member; another is preferred when it fails.
    private func send<Answer: Decodable & Sendable>(_ path: String, _ request: some Encodable & Sendable) async throws
        -> Answer
    {
        let body = try EtcdJSON.encoded(request)
        let index = preferred
        do {
            return try await authenticated(path, body, at: index)
        } catch let error as StoreError where error.isTransient {
            if preferred == index { preferred = (index + 1) % settings.endpoints.count }
            throw error
        }
    }

    private func authenticated<Answer: Decodable & Sendable>(_ path: String, _ body: Data, at index: Int) async throws
        -> Answer
    {
        if settings.user != nil, token == nil { try await authenticate(at: index) }
        do {
            return try await exchange(path, body, at: index)
        } catch is ExpiredToken {
            // Once: a second refusal is meant.
            token = nil
            try await authenticate(at: index)
        }
        do {
            return try await exchange(path, body, at: index)
        } catch is ExpiredToken {
            throw StoreError.denied(place: place, operation: words(of: path), cause: "the token is refused")
        }
    }

    private func authenticate(at index: Int) async throws {
        struct Request: Encodable {
            let name: String
            let password: String
        }
        struct Answer: Decodable, Sendable { let token: String? }
        guard let user = settings.user, let file = settings.passwordFile else {
            throw StoreError.denied(
                place: place, operation: "authenticate", cause: "etcd asks for a user, and none is configured")
        }
        let request = try EtcdJSON.encoded(Request(name: user, password: try SecretFile.word(file)))
        do {
            let answer: Answer = try await exchange("auth/authenticate", request, at: index)
            token = answer.token
        } catch StoreError.refused(_, _, let cause) where !cause.contains("authentication is not enabled") {
            throw StoreError.denied(place: place, operation: "authenticate as \(user)", cause: cause)
        }
    }

    private struct ExpiredToken: Error {}

    private func exchange<Answer: Decodable & Sendable>(_ path: String, _ body: Data, at index: Int) async throws
        -> Answer
    {
        let request = try head(path, body, at: index)
        let data: Data
        let status: UInt
        do {
            let limit = settings.timeout
            (status, data) = try await deadline(BootClock.now() + limit, of: path, at: settings.endpoints[index]) {
                let response = try await Self.client.execute(request, deadline: .distantFuture)
                let body = try await response.body.collect(upTo: Self.answerBytesMax)
                return (response.status.code, Data(buffer: body))
            }
        } catch {
            throw failure(error, path, index)
        }
        guard status == 200 else { throw try refusal(data, Int(status), path, index) }
        return try decoded(data, path)
    }

    private func decoded<Answer: Decodable & Sendable>(_ data: Data, _ path: String) throws -> Answer {
        do {
            return try EtcdJSON.decoded(data, as: Answer.self)
        } catch {
            throw StoreError.refused(place: place, operation: words(of: path), cause: "the answer is not etcd's")
        }
    }

    func head(_ path: String, _ body: Data, at index: Int) throws -> HTTPClientRequest {
        var base = settings.endpoints[index]
        while base.hasSuffix("/") { base.removeLast() }
        var request = HTTPClientRequest(url: "\(base)/v3/\(path)")
        request.method = .POST
        if let token { request.headers.add(name: "Authorization", value: token) }
        if base.hasPrefix("https") { request.tlsConfiguration = try tls.configuration() }
        request.body = .bytes(ByteBuffer(data: body))
        return request
    }

    /// By gRPC's codes, which the gateway passes on; the texts differ between versions.
    private func refusal(_ data: Data, _ status: Int, _ path: String, _ index: Int) throws -> any Error {
        let failure: EtcdFailure
        do { failure = try EtcdJSON.decoded(data, as: EtcdFailure.self) } catch {
            failure = EtcdFailure(code: nil, message: "HTTP \(status)")
        }
        let cause = failure.message ?? "HTTP \(status)"
        let place = "etcd at \(settings.endpoints[index])"
        if failure.code == 16 || cause.contains("auth store revision is old") || cause.contains("invalid auth token") {
            return ExpiredToken()
        }
        switch failure.code {
        case 7: return StoreError.denied(place: place, operation: words(of: path), cause: cause)
        case 3 where cause.contains("user name is empty"):
            return StoreError.denied(
                place: place, operation: words(of: path), cause: "etcd asks for a user, and none is configured")
        case 4, 14, nil: return StoreError.unknown(place: place, operation: words(of: path), cause: cause)
        case 8:
            return StoreError.refused(
                place: place, operation: words(of: path),
                cause: "\(cause): compact and defragment etcd, then disarm its alarm")
        default: return StoreError.refused(place: place, operation: words(of: path), cause: cause)
        }
    }

    private func failure(_ error: any Error, _ path: String, _ index: Int) -> any Error {
        let place = "etcd at \(settings.endpoints[index])"
        if Task.isCancelled { return CancellationError() }
        let (cause, isSent) = HTTPFailure.words(error)
        return isSent
            ? StoreError.unknown(place: place, operation: words(of: path), cause: cause)
            : StoreError.unreachable(place: place, operation: words(of: path), cause: cause)
    }
}

/// What a request to the gateway is for, in a person's words.
private func words(of path: String) -> String {
    switch path {
    case "kv/txn": "read or write"
    case "kv/range": "read"
    case "lease/grant": "ask for a lease"
    case "lease/keepalive": "renew the lease"
    case "lease/revoke": "give the lease back"
    case "maintenance/status", "maintenance/alarm": "read its state"
    case "auth/authenticate": "authenticate"
    default: path
    }
}
