// SPDX-License-Identifier: Apache-2.0

import HTTP
import TestSupport
import Testing

/// What a proxy counts of real requests.
struct TrafficTests {
    @Test(.requires("curl")) func `requests are counted by route and code, whatever the client speaks`() async throws {
        let server = try ScriptedHTTPServer { .answer(status: $0.target == "/gone" ? 410 : 200) }
        defer { server.stop() }
        let proxy = try await Fixture(backends: [server.port])
        for target in ["/", "/gone", "/-/answer"] { _ = try proxy.curl(target) }
        let traffic = await proxy.worker.traffic
        await proxy.end()
        #expect(
            Dictionary(traffic.routes.map { ($0.name, $0.codes) }) { $1 } == [
                "*/": ["200": 2, "410": 2], "*/-/answer": ["204": 2],
            ])
        #expect(traffic.routes.allSatisfy { $0.buckets.reduce(0, +) == $0.codes.values.reduce(0, +) })
        #expect(traffic.backends.map(\.requests) == [4])
    }

    @Test(.requires("curl")) func `a backend that refuses is counted with its service, and is ejected`() async throws {
        let proxy = try await Fixture(backends: [1]) { $0.services[0].backends[0].name = "a" }
        for _ in 0..<3 { _ = try proxy.curl("/") }
        let traffic = await proxy.worker.traffic
        await proxy.end()
        let backend = traffic.backends.first
        #expect(backend?.service == "web" && backend?.name == "a" && backend?.ejected == 1)
        #expect(backend?.ejections == 1 && backend?.requests == 0 && (backend?.connectFailures ?? 0) >= 6)
        #expect(traffic.errors == ["connectRefused": 6] && traffic.routes.map(\.codes) == [["502": 6]])
    }

    @Test func `a configuration that changes goes on counting`() async throws {
        let proxy = try await Fixture(backends: [])
        _ = try proxy.curl("/-/answer")
        await proxy.worker.apply(Fixture.configuration(.http1, []))
        _ = try proxy.curl("/-/answer")
        let traffic = await proxy.worker.traffic
        await proxy.end()
        #expect(traffic.routes.map(\.codes) == [["204": 4]])
    }
}
