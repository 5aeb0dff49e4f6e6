// SPDX-License-Identifier: Apache-2.0

import Foundation
import Hummingbird
import Logging
import NIOCore

/// The admin API's paths. `GET` looks and changes nothing.
struct AdminRoutes {
    let backend: any AdminBackend
    /// Nil: this host's store is its own.
    var fleet: (any FleetBackend)?
    let access: Access
    let logger: Logger
    var limit = Limits.requestTime

    func router() -> Router<AdminContext> {
        let router = Router(context: AdminContext.self)
        router.middlewares.add(ProblemAnswers())
        router.middlewares.add(CallerCheck(access: access))
        let v1 = router.group("v1")
        look(v1)
        change(v1)
        SocketsRoutes(backend: backend, limit: limit).add(to: v1)
        FleetRoutes(backend: fleet, audit: Audit(backend: backend, logger: logger), limit: limit).add(to: v1)
        return router
    }

    private func look(_ routes: RouterGroup<AdminContext>) {
        let (backend, limit) = (backend, limit)
        routes.get("status") { _, _ in try Response(await answer(within: limit) { try await backend.status() }) }
        routes.get("services") { _, _ in try Response(await answer(within: limit) { try await backend.services() }) }
        routes.get("backends") { _, _ in try Response(await answer(within: limit) { try await backend.backends() }) }
        routes.get("health") { _, _ in try Response(await answer(within: limit) { try await backend.health() }) }
        routes.get("drains") { _, _ in try Response(await answer(within: limit) { try await backend.drains() }) }
    }

    private func change(_ routes: RouterGroup<AdminContext>) {
        let (backend, limit) = (backend, limit)
        let audit = Audit(backend: backend, logger: logger)
        routes.post("drains") { request, context in
            let wanted: DrainRequest = try await Self.body(of: request)
            let caller = try Self.caller(context)
            let drain = try await audit.change(
                "drain", of: "\(wanted.service)/\(wanted.backend)", wanted.details, by: caller
            ) {
                try await answer(within: limit) { try await backend.drain(wanted, by: caller) }
            }
            return try Response(drain)
        }
        routes.delete("drains") { request, context in
            let service = try Self.parameter("service", of: request)
            let name = try Self.parameter("backend", of: request)
            let caller = try Self.caller(context)
            try await audit.change("enable", of: "\(service)/\(name)", by: caller) {
                try await answer(within: limit) {
                    try await backend.enable(service: service, backend: name, by: caller)
                }
            }
            return Response(status: .noContent)
        }
        routes.post("repair") { _, context in
            let caller = try Self.caller(context)
            try await audit.change("repair", by: caller) {
                try await answer(within: limit) { try await backend.repair(by: caller) }
            }
            return Response(status: .noContent)
        }
        routes.post("reload") { _, context in
            let caller = try Self.caller(context)
            let reload = try await audit.change("reload", by: caller) {
                try await answer(within: limit) { try await backend.reload(by: caller) }
            }
            return try Response(reload)
        }
    }

    static func caller(_ context: AdminContext) throws -> Caller {
        guard let caller = context.caller else {
            throw Problem("the caller is not known", exitCode: .permission)
        }
        return caller
    }

    static func parameter(_ name: String, of request: Request) throws -> String {
        guard let value = request.uri.queryParameters[Substring(name)], !value.isEmpty else {
            throw Problem(
                "\(request.method) \(request.uri.path): \(name) is missing", remedy: "add ?\(name)=... to the path",
                exitCode: .usage)
        }
        return String(value)
    }

    static func body<Value: Decodable>(
        of request: Request, atMost bytesMax: Int = Limits.bodyBytes
    ) async throws -> Value {
        let buffer: ByteBuffer
        do {
            buffer = try await request.body.collect(upTo: bytesMax)
        } catch is NIOTooManyBytesError {
            throw HTTPError(.contentTooLarge, message: "the body is larger than \(bytesMax) bytes")
        }
        do {
            return try JSONDecoder().decode(Value.self, from: Data(buffer.readableBytesView))
        } catch let error as DecodingError {
            throw Problem("\(request.method) \(request.uri.path): \(error.sentence)", exitCode: .usage)
        }
    }
}

extension DrainRequest {
    fileprivate var details: [String: String] {
        var details = ["reason": reason]
        if let expiry { details["expiry"] = "\(expiry)" }
        if force == true { details["force"] = "true" }
        return details
    }
}

extension DecodingError {
    /// What of the body is wrong, in the words of who wrote it.
    var sentence: String {
        switch self {
        case .keyNotFound(let key, _): "\(key.stringValue) is missing"
        case .typeMismatch(_, let context), .valueNotFound(_, let context):
            "\(Self.path(context)) has the wrong type"
        case .dataCorrupted(let context):
            context.codingPath.isEmpty ? "the body is no JSON" : "\(Self.path(context)) is out of range"
        @unknown default: "the body cannot be read"
        }
    }

    private static func path(_ context: Context) -> String {
        context.codingPath.isEmpty ? "the body" : context.codingPath.map(\.stringValue).joined(separator: ".")
    }
}
