// SPDX-License-Identifier: Apache-2.0

import Hummingbird
import Logging

/// The paths of the fleet. Without a shared store they are there too, and say so.
struct FleetRoutes {
    let backend: (any FleetBackend)?
    let audit: Audit
    let limit: Duration

    func add(to routes: RouterGroup<AdminContext>) {
        look(routes)
        applyAndRollBack(routes)
        act(routes)
    }

    private func look(_ routes: RouterGroup<AdminContext>) {
        routes.get("fleet") { _, _ in
            let backend = try shared()
            return try Response(await answer(within: limit) { try await backend.fleet() })
        }
        routes.get("generations") { _, _ in
            let backend = try shared()
            return try Response(await answer(within: limit) { try await backend.generations() })
        }
        routes.get("generation") { request, _ in
            let backend = try shared()
            let number = try Self.number(of: request)
            return try Response(await answer(within: limit) { try await backend.generation(number) })
        }
    }

    private func applyAndRollBack(_ routes: RouterGroup<AdminContext>) {
        routes.post("apply") { request, context in
            let backend = try shared()
            let wanted: ApplyRequest = try await AdminRoutes.body(of: request, atMost: Limits.documentBytes)
            let caller = try AdminRoutes.caller(context)
            let done = try await audit.change("apply", of: wanted.file, wanted.details, by: caller) {
                try await answer(within: limit) { try await backend.apply(wanted, by: caller) }
            }
            return try Response(done)
        }
        routes.post("rollback") { request, context in
            let backend = try shared()
            let wanted: RollbackRequest = try await AdminRoutes.body(of: request)
            let caller = try AdminRoutes.caller(context)
            let done = try await audit.change("rollback", of: wanted.number.map { "\($0)" }, by: caller) {
                try await answer(within: limit) { try await backend.rollback(wanted, by: caller) }
            }
            return try Response(done)
        }
    }

    private func act(_ routes: RouterGroup<AdminContext>) {
        routes.post("confirm") { _, context in
            try await change("confirm", context) { try await $0.confirm(by: $1) }
        }
        routes.post("freeze") { request, context in
            let wanted: FreezeRequest = try await AdminRoutes.body(of: request)
            return try await change("freeze", context, ["reason": wanted.reason]) {
                try await $0.freeze(wanted, by: $1)
            }
        }
        routes.post("thaw") { _, context in
            try await change("thaw", context) { try await $0.thaw(by: $1) }
        }
        routes.delete("hosts") { request, context in
            let name = try AdminRoutes.parameter("name", of: request)
            return try await change("forget host", context, ["host": name]) {
                try await $0.forget(host: name, by: $1)
            }
        }
    }

    private func change(
        _ what: String, _ context: AdminContext, _ details: [String: String] = [:],
        _ work: @escaping @Sendable (any FleetBackend, Caller) async throws -> Void
    ) async throws -> Response {
        let backend = try shared()
        let caller = try AdminRoutes.caller(context)
        try await audit.change(what, details, by: caller) {
            try await answer(within: limit) { try await work(backend, caller) }
        }
        return Response(status: .noContent)
    }

    private func shared() throws -> any FleetBackend {
        guard let backend else {
            throw Problem(
                "this host has no fleet: coordination.store is local",
                remedy: "edit its services document, which it follows", exitCode: .usage)
        }
        return backend
    }

    private static func number(of request: Request) throws -> UInt64? {
        guard let text = request.uri.queryParameters["number"] else { return nil }
        guard let number = UInt64(String(text)) else {
            throw Problem(
                "'\(text)' is no generation's number", remedy: "see  sluicectl generation list", exitCode: .usage)
        }
        return number
    }
}

extension ApplyRequest {
    fileprivate var details: [String: String] {
        var details = ["bytes": "\(document.utf8.count)"]
        if !canary.isEmpty { details["canary"] = canary.joined(separator: " ") }
        if let confirmWithin { details["confirm-within"] = "\(confirmWithin) s" }
        return details
    }
}
