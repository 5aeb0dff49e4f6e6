// SPDX-License-Identifier: Apache-2.0

import Foundation
import Hummingbird
import NIOCore

/// What a request to the admin API carries: its connection, and who calls once that is known.
struct AdminContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    let channel: any Channel
    var caller: Caller?

    init(source: ApplicationRequestContextSource) {
        coreContext = CoreRequestContextStorage(source: source)
        channel = source.channel
    }

    var maxUploadSize: Int { Limits.bodyBytes }
}

/// What one request may cost.
enum Limits {
    static let bodyBytes = 64 * 1024
    /// A services document as JSON text. 500 services of 20 backends are some 0.5 MB.
    static let documentBytes = 8 * 1024 * 1024
    static let headerBytes = 16 * 1024
    static let headerCount = 64
    static let requestTime = Duration.seconds(30)
    static let idle = TimeAmount.seconds(60)
}

/// Lets pass only whom the socket's rule allows, and notes who it is.
struct CallerCheck: RouterMiddleware {
    let access: Access

    func handle(
        _ request: Request, context: AdminContext, next: (Request, AdminContext) async throws -> Response
    ) async throws -> Response {
        let caller = try await Caller.of(context.channel)
        guard access.allows(caller) else {
            throw Problem(
                "\(caller.name) may not use the admin socket", remedy: "ask as root or as a member of its group",
                exitCode: .permission)
        }
        var context = context
        context.caller = caller
        return try await next(request, context)
    }
}

/// What `work` answers, if it does so in time; else it is cancelled.
func answer<Value: Sendable>(
    within limit: Duration, _ work: @escaping @Sendable () async throws -> Value
) async throws -> Value {
    try await withThrowingTaskGroup(of: Value?.self) { group in
        group.addTask { try await work() }
        group.addTask {
            try await Task.sleep(for: limit)
            return nil
        }
        defer { group.cancelAll() }
        guard let first = try await group.next(), let value = first else {
            throw Problem("the daemon did not answer within \(limit)", exitCode: .unreachable)
        }
        return value
    }
}

/// Makes a `Problem` of all that is thrown, so that every answer has one shape.
struct ProblemAnswers<Context: RequestContext>: RouterMiddleware {
    func handle(
        _ request: Request, context: Context, next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        do {
            return try await next(request, context)
        } catch let problem as Problem {
            return try Response(problem, status: problem.status)
        } catch let unknown as UnknownName {
            return try Response(unknown.problem, status: .notFound)
        } catch let bad as BadDocument {
            return try Response(bad.problem, status: .unprocessableContent)
        } catch let error as HTTPError {
            let problem = Problem(
                "\(request.method) \(request.uri.path): \(error.body ?? error.status.reasonPhrase)",
                exitCode: error.status.code < 500 ? .usage : .failed)
            return try Response(problem, status: error.status)
        } catch {
            context.logger.warning("admin request failed", metadata: ["cause": "\(error)"])
            return try Response(Problem("\(error)"), status: .internalServerError)
        }
    }
}

extension Problem {
    var status: HTTPResponse.Status {
        switch exitCode {
        case .usage: .badRequest
        case .permission: .forbidden
        case .notLeader, .heldByBrake, .differences: .conflict
        case .unreachable: .serviceUnavailable
        case .kernelLacks: .notImplemented
        case .success, .failed: .internalServerError
        }
    }
}

extension Response {
    /// A value as JSON, keys sorted, so that answers of one state are equal byte by byte.
    init(_ value: some Encodable, status: HTTPResponse.Status = .ok) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let data = try encoder.encode(value)
        self.init(
            status: status, headers: [.contentType: "application/json"],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: data)))
    }
}
