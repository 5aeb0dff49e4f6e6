// SPDX-License-Identifier: Apache-2.0

import Documents
import Testing

@Suite struct `A fleet's settings` {
    private func host(_ lines: String) throws -> HostConfiguration {
        try HostConfiguration.parse(text: "host: edge-1\ninterfaces: [eth0]\n\(lines)\n", file: "h.yaml")
    }

    @Test func `are those of a single host where nothing is said`() throws {
        let configuration = try host("")
        #expect(configuration.coordination == CoordinationSettings() && !configuration.coordination.isShared)
        #expect(configuration.discovery == nil)
    }

    @Test func `take several sentinels, but one Redis`() throws {
        let coordination = try host(
            "coordination: { store: redis, address: [ \"10.0.0.1:26379\", \"10.0.0.2:26379\" ], sentinel: main }"
        ).coordination
        var access = RedisAccess()
        access.address = HostPort(host: "10.0.0.1", port: 26379)
        access.otherSentinels = [HostPort(host: "10.0.0.2", port: 26379)]
        access.sentinelMaster = "main"
        #expect(coordination.store == .redis(access))
        #expect(throws: Problems.self) {
            try host("coordination: { store: redis, address: [ \"10.0.0.1:6379\", \"10.0.0.2:6379\" ] }")
        }
    }

    @Test func `need the name of the store alone`() throws {
        #expect(try host("coordination: { store: etcd }").coordination.store == .etcd(EtcdAccess()))
        #expect(try host("coordination: { store: redis }").coordination.store == .redis(RedisAccess()))
        #expect(try host("coordination: { store: consul }").coordination.store == .consul(ConsulAccess()))
    }

    @Test func `hold every key of etcd`() throws {
        let coordination = try host(
            """
            coordination:
              store: etcd
              fleet: north
              candidate: false
              lease: 6s
              renew: 4s
              retry: 1s
              address: [ "https://10.0.0.1:2379", "https://etcd-2.example:2379" ]
              user: edge
              password-file: /etc/sluice/etcd.password
              tls: { ca: /ca.pem, cert: /cert.pem, key: /key.pem }
            """
        ).coordination
        var access = EtcdAccess()
        access.addresses = ["https://10.0.0.1:2379", "https://etcd-2.example:2379"]
        access.user = "edge"
        access.passwordFile = "/etc/sluice/etcd.password"
        access.tls.authority = "/ca.pem"
        access.tls.certificate = "/cert.pem"
        access.tls.key = "/key.pem"
        var expected = CoordinationSettings()
        expected.store = .etcd(access)
        expected.fleet = "north"
        expected.candidate = false
        expected.lease.lease = .seconds(6)
        expected.lease.renew = .seconds(4)
        expected.lease.retry = .seconds(1)
        #expect(coordination == expected)
    }

    @Test func `hold every key of Redis`() throws {
        let coordination = try host(
            """
            coordination: { store: redis, address: "[2001:db8::1]:26379", user: edge, password-file: /p, sentinel: main,
              tls: {} }
            """
        ).coordination
        var access = RedisAccess()
        access.address = HostPort(host: "2001:db8::1", port: 26379)
        access.user = "edge"
        access.passwordFile = "/p"
        access.sentinelMaster = "main"
        access.tls = TLSPaths()
        #expect(coordination.store == .redis(access))
    }

    @Test func `hold every key of Consul, as a store and for discovery`() throws {
        let keys = """
            address: "https://consul.example:8501", token-file: /t, datacenter: north, namespace: edge, partition: one,
              tls: { ca: /ca.pem, server-name: server.north.consul }
            """
        let configuration = try host(
            """
            coordination: { store: consul, \(keys) }
            discovery: { consul: { \(keys), max-stale: 5s, quiet: 1s, longest-quiet: 5s, tags: true } }
            """)
        var access = ConsulAccess()
        access.addresses = ["https://consul.example:8501"]
        access.tokenFile = "/t"
        access.datacenter = "north"
        access.namespace = "edge"
        access.partition = "one"
        access.tls.authority = "/ca.pem"
        access.tls.serverName = "server.north.consul"
        var discovery = ConsulDiscovery()
        discovery.access = access
        discovery.maximumStale = .seconds(5)
        discovery.quiet = .seconds(1)
        discovery.longestQuiet = .seconds(5)
        discovery.followsTags = true
        #expect(configuration.coordination.store == .consul(access))
        #expect(configuration.discovery == .consul(discovery))
    }

    @Test func `find instances in a file`() throws {
        #expect(try host("discovery: { file: /srv/catalog.json }").discovery == .file(path: "/srv/catalog.json"))
    }

    @Test func `keep the proportions of the lease where only its length is given`() throws {
        let times = try host("coordination: { store: etcd, lease: 3s }").coordination.lease
        #expect(times.renew == .seconds(2) && times.retry < .milliseconds(500))
    }
}
