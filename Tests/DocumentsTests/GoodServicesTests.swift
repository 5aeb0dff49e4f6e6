// SPDX-License-Identifier: Apache-2.0

import Documents
import Model
import Testing

private func parse(_ text: String) throws -> ServicesDocument {
    try ServicesDocument.parse(text: text, file: "s.yaml")
}

@Suite struct `A services document` {
    @Test(arguments: [
        (service(), "web 10.9.9.9:80/tcp ipip -> 10.0.0.1:80 10.0.0.1 w1"),
        (
            service(backend: "{ address: 10.0.0.1, port: 80 }, { name: b, address: 10.0.0.2, weight: 0 }"),
            "web 10.9.9.9:80/tcp ipip -> 10.0.0.1:80 10.0.0.1 w1, b 10.0.0.2 w0"
        ),
        (
            service("forward: gue", backend: "{ address: 2001:db8::1 }"),
            "web 10.9.9.9:80/tcp gue -> [2001:db8::1]:80 2001:db8::1 w1"
        ),
        (
            service(backend: "{ address: 2001:db8::1 }", vip: ipv6VIP),
            "web [2001:db8::9]:80/tcp ipip -> [2001:db8::1]:80 2001:db8::1 w1"
        ),
        (
            service("forward: l2", backend: "{ address: 10.0.0.1, weight: 1000000 }"),
            "web 10.9.9.9:80/tcp l2 -> 10.0.0.1:80 10.0.0.1 w1000000"
        ),
        (service(vip: anyVIP), "web 10.9.9.9:any/tcp ipip -> 10.0.0.1:any 10.0.0.1 w1"),
        (
            "services: [ { name: here, vip: \(tcpVIP), forward: local } ]",
            "here 10.9.9.9:80/tcp local -> local 10.9.9.9 w1"
        ),
    ])
    func `says what each service is and where its packets go`(text: String, expected: String) throws {
        #expect(try parse(text).desired.entries.map(notation) == [expected])
    }

    @Test func `finds backends in Consul, and keeps those that it names`() throws {
        let text = """
            services:
              - name: web
                vip: \(tcpVIP)
                backends:
                  static: [ { address: 10.0.0.1, weight: 0 } ]
                  consul: { service: www, filter: 'Service.Meta.tier == "edge"', tagged-address: wan, datacenter: north }
            """
        let entry = try #require(try parse(text).desired.entries.first)
        #expect(entry.backends.map(\.weight) == [0])
        #expect(
            entry.query
                == CatalogQuery(
                    service: "www", filter: #"Service.Meta.tier == "edge""#, taggedAddress: "wan", datacenter: "north"))
    }

    @Test func `says how connections go through sockets`() throws {
        let text = service(
            "forward: sockets", "proxy-protocol: v2", "connect-timeout: 500ms", "idle-timeout: 10m",
            "max-connections: 5000", "max-connections-per-source: 20")
        let service = try #require(try parse(text).desired.entries.first).service
        #expect(service.forwarding == .sockets)
        #expect(
            service.relay
                == RelaySettings(
                    proxyProtocol: .v2, connectTimeout: .milliseconds(500), idleTimeout: .seconds(600),
                    maxConnections: 5000, maxConnectionsPerSource: 20))
    }

    @Test func `may have no services, if it says so`() throws {
        #expect(try parse("services: []").desired.entries.isEmpty)
    }

    @Test func `keeps the order of its services and backends`() throws {
        let text = """
            services:
              - { name: z, vip: \(tcpVIP), backends: { static: [ { address: 10.0.0.2 }, { address: 10.0.0.1 } ] } }
              - { name: a, vip: \(anyVIP), backends: { static: [ { address: 10.0.0.1 } ] } }
            """
        let entries = try parse(text).desired.entries
        #expect(entries.map(\.service.name) == ["z", "a"])
        #expect(entries[0].backends.map(\.name) == ["10.0.0.2:80", "10.0.0.1:80"])
    }

    @Test func `gives each service the built-in policy where nobody says otherwise`() throws {
        let built = VirtualService(
            name: "web", vip: VIP(address: IPAddress(v4: 0x0a09_0909), port: 80, transport: .tcp))
        #expect(try parse(service()).desired.entries.map(\.service) == [built])
    }

    @Test func `holds every key of a service`() throws {
        let text = """
            defaults: { drain: 10m, flow-idle: 1h, health: { interval: 2s, timeout: 1s, rise: 2, fall: 3 } }
            services:
              - name: web
                vip: { address: 192.0.2.10, port: 443, protocol: tcp }   # port: any
                forward: ipip
                table-size: 65537
                hash: source-ip
                udp: stateless
                on-down: rehash
                drain: 1d
                flow-idle: 30s
                udp-idle: 5s
                allow: [ 0.0.0.0/0 ]
                deny: [ 192.0.2.0/24, 198.51.100.7/32 ]
                health: { http: { port: 8080, path: /healthz, host: a.example, status: 204 }, through-tunnel: true }
                backends:
                  static: [ { address: 10.0.1.4, weight: 10 } ]
                brake: { min-active: 2, max-removed: 25% }
            """
        let service = try #require(try parse(text).desired.entries.first?.service)
        #expect(service.tableSize == .large && service.flowKey == .sourceIP)
        #expect(service.udp == .stateless && service.onDown == .rehash)
        #expect(service.drain == .seconds(86_400) && service.flowIdle == .seconds(30) && service.udpIdle == .seconds(5))
        #expect(service.allow.map(\.description) == ["0.0.0.0/0"])
        #expect(service.deny.map(\.description) == ["192.0.2.0/24", "198.51.100.7/32"])
        #expect(service.brake == Brake(minimumActive: 2, maximumRemoved: 25))
        #expect(
            service.health
                == HealthCheck(
                    probe: .http(port: 8080, path: "/healthz", host: "a.example", status: 204...204),
                    throughTunnel: true))
    }

    @Test func `hands its defaults to services that do not say otherwise`() throws {
        let text = """
            defaults:
              { drain: 20m, flow-idle: 2h, udp-idle: 9s, health: { interval: 4s, timeout: 3s, rise: 1, fall: 5 } }
            services:
              - { name: a, vip: \(tcpVIP), health: { tcp: {} }, backends: { static: [ { address: 10.0.0.1 } ] } }
              - name: b
                vip: \(anyVIP)
                drain: 0s
                health: { tcp: { port: 22 }, fall: 9 }
                backends: { static: [ { address: 10.0.0.1 } ] }
            """
        let services = try parse(text).desired.entries.map(\.service)
        #expect(services.map(\.drain) == [.seconds(1_200), .zero])
        #expect(services.map(\.flowIdle) == [.seconds(7_200), .seconds(7_200)])
        #expect(services.map(\.udpIdle) == [.seconds(9), .seconds(9)])
        #expect(
            services.map(\.health) == [
                HealthCheck(probe: .tcp(port: nil), interval: .seconds(4), timeout: .seconds(3), rise: 1, fall: 5),
                HealthCheck(probe: .tcp(port: 22), interval: .seconds(4), timeout: .seconds(3), rise: 1, fall: 9),
            ])
    }

    @Test func `warns of a port that only probes would use`() throws {
        let backends = "{ name: a, address: 10.0.0.1, port: 8080 }, { address: 10.0.0.2, port: 80 }"
        #expect(
            try parse(service(backend: backends)).warnings.map(\.description) == [
                "s.yaml:4:63: warning: port 8080 of backend 'a' serves its probes only: ipip keeps the VIP's port 80"
            ])
        #expect(
            try parse(service(backend: "{ address: 10.0.0.1, port: 8080 }", vip: anyVIP)).warnings.map(\.message) == [
                "port 8080 of backend '10.0.0.1:8080' serves its probes only: ipip keeps the port that the client dials"
            ])
    }
}
