// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import HTTP

@Suite struct `Why a request goes by a route` {
    private static let configuration: ProxyConfiguration = {
        var configuration = ProxyConfiguration()
        configuration.services = [.init(name: "web", version: .http1, backends: [])]
        let action = ProxyConfiguration.Route.Action.services([(service: 0, weight: 1)])
        configuration.routes = [
            .init(action: action),
            .init(host: "a.test", path: "/api/", action: action),
            .init(host: "a.test", path: "/api/v1", isExact: true, method: "POST", action: action),
            .init(host: "a.test", path: "/api/v1", headers: [(name: "x-beta", value: "1")], action: action),
            .init(host: "*.test", path: "/", action: action),
            .init(host: "b.test", path: "/", action: action),
            .init(host: "a.test", path: "/apis", action: action),
        ]
        return configuration
    }()

    private static func explain(
        _ authority: String, _ target: String, _ method: String = "GET", _ fields: [(name: String, value: String)] = []
    ) -> RouteExplanation {
        RouteExplanation(configuration, authority: authority, target: target, method: method, fields: fields)
    }

    @Test func `is the most particular that it meets, and each other's first demand that it does not`() {
        let explanation = Self.explain("A.test:80", "/x/../api/v1?q")
        #expect(explanation.route == 1 && explanation.path == "/api/v1")
        let expected: [(Int, RouteExplanation.Miss)] = [
            (0, .outranked), (4, .outranked), (3, .header("x-beta")), (2, .method), (6, .path), (5, .host),
        ]
        #expect(explanation.others.map { [$0.route] } == expected.map { [$0.0] })
        #expect(explanation.others.map(\.miss) == expected.map(\.1))
    }

    @Test func `follows method and headers`() {
        #expect(Self.explain("a.test", "/api/v1", "POST").route == 2)
        #expect(Self.explain("a.test", "/api/v1/x", "GET", [(name: "x-beta", value: "1")]).route == 3)
    }

    @Test func `is nothing for a path that no route can have`() {
        let explanation = Self.explain("a.test", "/%zz")
        #expect(explanation.route == nil && explanation.path == nil && explanation.others.isEmpty)
    }
}
