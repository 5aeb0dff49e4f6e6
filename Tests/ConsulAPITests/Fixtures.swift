// SPDX-License-Identifier: Apache-2.0

import ConsulAPI
import TestSupport

/// A client for the time of a test.
func withClient<Value>(
    _ settings: ConsulSettings, _ body: (ConsulClient) async throws -> Value
) async throws -> Value {
    let client = ConsulClient(settings)
    let outcome: Result<Value, any Error>
    do {
        outcome = .success(try await body(client))
    } catch {
        outcome = .failure(error)
    }
    try await client.shutdown()
    return try outcome.get()
}

/// A client of a server that answers by this script.
func withScript<Value>(
    timeout: Duration = .seconds(10), slack: Duration = .seconds(5),
    _ script: @escaping @Sendable (ScriptedHTTPServer.Request) -> ScriptedHTTPServer.Reply,
    _ body: (ConsulClient, ScriptedHTTPServer) async throws -> Value
) async throws -> Value {
    let server = try ScriptedHTTPServer(script)
    defer { server.stop() }
    let address = ConsulAddress.http(host: "127.0.0.1", port: Int(server.port))
    return try await withClient(ConsulSettings(addresses: [address], timeout: timeout, slack: slack)) {
        try await body($0, server)
    }
}

/// The error that this throws.
func failure(_ body: () async throws -> some Any) async throws -> ConsulError {
    do {
        _ = try await body()
    } catch let error as ConsulError {
        return error
    }
    throw SystemError("fail", cause: "it succeeded")
}

/// A client of a real Consul that has a leader.
func withConsul<Value>(
    _ server: ConsulServer, token: String? = nil, _ body: (ConsulClient) async throws -> Value
) async throws -> Value {
    let file = try token.map { token in
        let file = try server.directory.write(token + "\n", to: "token")
        try Shell.run("chmod 600 \(file)")
        return file
    }
    let address = ConsulAddress.http(host: "127.0.0.1", port: Int(server.port))
    return try await withClient(ConsulSettings(addresses: [address], tokenFile: file)) { client in
        var last = ""
        do {
            // The server has no sessions before it has put itself into the catalog.
            try await awaited("a leader that knows its node") {
                do {
                    let checks = try await client.get("/health/node/node-1")
                    return String(decoding: checks.body, as: UTF8.self).contains("serfHealth")
                } catch let error as ConsulError {
                    last = error.description
                    return false
                }
            }
        } catch {
            throw SystemError("start Consul", cause: "\(last)\n\(server.output)")
        }
        return try await body(client)
    }
}
