// SPDX-License-Identifier: Apache-2.0

import Documents
import Model
import Testing

/// A document of the services web (10.9.9.9:80) and dns (UDP), one listener from line 5 on, and these routes.
private func document(_ routes: String..., listeners: String...) -> String {
    let backends = "backends: { static: [ { address: 10.0.0.1 } ] }"
    let lines =
        [
            "services:", "  - { name: web, vip: \(tcpVIP), \(backends) }",
            "  - { name: dns, vip: \(udpVIP), \(backends) }", "listeners:",
            "  - { name: front, address: 10.9.9.8, port: 80 }",
        ] + listeners.map { "  - \($0)" } + ["routes:"] + routes.map { "  - \($0)" }
    return lines.joined(separator: "\n") + "\n"
}

/// A listener with its `tls`.
private func secure(_ tls: String) -> String { "{ name: back, address: 10.9.9.8, port: 443, \(tls) }" }

private let own = "certificates: [ { cert: /a.pem, key: /a.key } ]"

@Suite struct `Listeners and routes` {
    @Test func `name the files of their certificates, and who must show one`() throws {
        let tls = "tls: { \(own), client-ca: /ca.pem, protocols: [http/1.1], min-version: 1.3 }"
        let text = document("{ service: web }", listeners: secure(tls))
        let routing = try ServicesDocument.parse(text: text, file: "s.yaml").desired.routing
        let wanted = ListenerTLS(
            certificates: [.init(chain: "/a.pem", key: "/a.key")], clientAuthority: "/ca.pem", speeches: [.http1],
            minimumVersion: .tls13)
        #expect(routing.listeners.map(\.tls) == [wanted, nil])
    }

    @Test func `pass TLS and what is no HTTP on to services`() throws {
        let more = "protocol: sniff, passthrough: [ { host: '*.Example.org', service: web } ], raw: web"
        let routing = try ServicesDocument.parse(text: document("{ service: web }", listeners: secure(more)), file: "s")
            .desired.routing
        let wanted = Sniffing(passages: [.init(host: "*.example.org", service: "web")], raw: "web")
        #expect(routing.listeners.map(\.sniffing) == [wanted, nil])
    }

    @Test func `have an access log where one is named`() throws {
        let other = "{ name: back, address: 10.9.9.8, port: 81, access-log: /var/log/sluice/back.json }"
        let text = document("{ service: web }", listeners: other)
        let routing = try ServicesDocument.parse(text: text, file: "s.yaml").desired.routing
        #expect(routing.listeners.map(\.accessLog) == ["/var/log/sluice/back.json", nil])
    }

    @Test func `tell backends of clients as they say, and trust the proxies that they name`() throws {
        let other = "{ name: back, address: 10.9.9.8, port: 81, forwarded: rfc7239, trusted-proxies: [ 10.0.0.0/8 ] }"
        let text = document("{ service: web }", listeners: other)
        let listeners = try ServicesDocument.parse(text: text, file: "s.yaml").desired.routing.listeners
        #expect(listeners.map(\.forwarded) == [.rfc7239, .xForwarded])
        #expect(listeners.map { $0.trustedProxies.map { "\($0)" } } == [["10.0.0.0/8"], []])
    }

    @Test func `say which requests go where`() throws {
        let text = document(
            "{ match: { host: API.example.org, path: /v1/, method: GET, headers: [ { name: X-A, value: '1' } ] }, "
                + "listener: front, service: web, upstream: http2, timeout: 15s, retries: 2 }",
            "{ match: { exact-path: /login }, services: [ { name: web, weight: 3 } ] }", "{ service: web }")
        let routing = try ServicesDocument.parse(text: text, file: "s.yaml").desired.routing
        #expect(routing.listeners == [Listener(name: "front", bind: try #require(VIP("10.9.9.8:80/tcp")))])
        let match = Route.Match(
            host: "api.example.org", path: "/v1/", method: "GET", headers: [.init(name: "x-a", value: "1")])
        let web = [Route.Target(service: "web")]
        #expect(
            routing.routes == [
                Route(
                    listener: "front", match: match, targets: web, upstream: .http2, timeout: .seconds(15), retries: 2),
                Route(match: .init(path: "/login", isExact: true), targets: [.init(service: "web", weight: 3)]),
                Route(targets: web),
            ])
    }

    @Test(arguments: [
        Bad(
            document("{ service: wbe }"), "s.yaml:7:16: service: there is no service 'wbe'; did you mean 'web'?"),
        Bad(
            document("{ service: web }", "{ match: { path: / }, service: web }"),
            "s.yaml:8:5: route */ is the same as that in line 7"),
        Bad(
            document("{ match: { pth: / }, service: web }"),
            "s.yaml:7:16: unknown key 'pth' in a match; did you mean 'path'?"),
        Bad(
            document("{ match: { path: /a//b, host: 'a b' }, service: web }"),
            "s.yaml:7:22: path: path '/a//b' has two slashes together, which count as one",
            "s.yaml:7:35: host: 'a b' is no host such as example.org or *.example.org"),
        Bad(
            document("{ match: { path: /a, exact-path: /b }, service: web }"),
            "s.yaml:7:14: a match has 'path' or 'exact-path', not both"),
        Bad(
            document("{ listener: frnt, service: web }"),
            "s.yaml:7:17: listener: there is no listener 'frnt'; did you mean 'front'?"),
        Bad(
            document("{ service: dns }"),
            "s.yaml:7:16: service: service 'dns' is of UDP, which carries no HTTP"),
        Bad(document("{ match: { path: / } }"), "s.yaml:7:5: a route needs 'service' or 'services', and not both"),
        Bad(
            document("{ service: web }", listeners: "{ name: front, address: 10.9.9.9, port: 80 }"),
            "s.yaml:6:5: 10.9.9.9:80/tcp belongs to service 'web'",
            "s.yaml:6:5: a second listener 'front'; the first is in line 5"),
        Bad(
            document("{ service: web }", listeners: "{ name: back, address: 10.9.9.8, port: 80, protocol: htp }"),
            "s.yaml:6:58: protocol: expected http or sniff, found 'htp'; did you mean 'http'?"),
        Bad(
            document("{ service: web }", listeners: secure("protocol: sniff, raw: wbe")),
            "s.yaml:6:71: raw: there is no service 'wbe'; did you mean 'web'?"),
        Bad(
            document("{ service: web }", listeners: secure("protocol: sniff, raw: dns")),
            "s.yaml:6:71: raw: service 'dns' is of UDP, which has no connections"),
        Bad(
            document("{ service: web }", listeners: secure("raw: web")),
            "s.yaml:6:54: raw: 'raw' needs 'protocol: sniff'"),
        Bad(
            document(
                "{ service: web }",
                listeners: secure(
                    "protocol: sniff, passthrough: [ { host: a.b, service: web }, { host: A.b, service: web } ]")),
            "s.yaml:6:110: passthrough: 'a.b' passes through already"),
        Bad(
            document("{ service: web }", listeners: secure("tls: { certificates: [ { cert: a.pem, key: /a.key } ] }")),
            "s.yaml:6:80: cert: expected an absolute path such as /var/lib/sluice, found 'a.pem'"),
        Bad(
            document("{ service: web }", listeners: secure("tls: { certificates: [ { cert: /a.pem } ] }")),
            "s.yaml:6:72: a certificate needs 'key'"),
        Bad(
            document("{ service: web }", listeners: secure("tls: { \(own), protocols: [h3], min-version: 1.1 }")),
            "s.yaml:6:117: protocols: expected h2 or http/1.1, found 'h3'; did you mean 'h2'?",
            "s.yaml:6:135: min-version: expected 1.2 or 1.3, found 1.1"),
        Bad(
            document("{ service: web }", listeners: "{ name: back, address: 10.9.9.8, port: 80 }"),
            "s.yaml:6:5: listeners 'front' and 'back' share 10.9.9.8:80/tcp"),
    ])
    func `that are wrong are refused with their place`(bad: Bad) {
        #expect(problems(ofServices: bad.document) == bad.problems)
    }
}
