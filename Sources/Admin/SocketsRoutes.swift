// SPDX-License-Identifier: Apache-2.0

import Hummingbird

/// What goes through this host's sockets.
struct SocketsRoutes {
    let backend: any AdminBackend
    let limit: Duration

    private static let connectionsMax = 1_000_000

    func add(to routes: RouterGroup<AdminContext>) {
        let (backend, limit) = (backend, limit)
        routes.get("listeners") { _, _ in try Response(await answer(within: limit) { try await backend.listeners() }) }
        routes.get("connections") { request, _ in
            let text = request.uri.queryParameters["most"].map(String.init) ?? "1000"
            guard let most = Int(text), (1...Self.connectionsMax).contains(most) else {
                throw Problem("most: '\(text)' is no number from 1 to \(Self.connectionsMax)", exitCode: .usage)
            }
            return try Response(await answer(within: limit) { try await backend.connections(most: most) })
        }
    }
}
