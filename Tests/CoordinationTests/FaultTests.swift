// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

@testable import Coordination

/// What becomes of a fleet's store when its server does what servers do.
@Suite struct FaultTests {
    /// A server of its own, which a test may break.
    struct Breakable: Sendable {
        let site: Site
        /// Where it listens; 0 for what needs no port.
        var port: UInt16 = 0
        /// A client of the site's fleet that asks at this port, and waits so long for each answer.
        var client: @Sendable (_ port: UInt16, _ timeout: Duration) throws -> (any FleetStore)? = { _, _ in nil }
        let pause: @Sendable () async throws -> Void
        let resume: @Sendable () async throws -> Void
        let wipe: @Sendable () async throws -> Void
        let backup: @Sendable () async throws -> Void
        /// May begin another server; clients made before still find it.
        let restore: @Sendable () async throws -> Void
        let end: @Sendable () -> Void
    }

    @Test(arguments: StoreKind.here)
    func `in a wiped store nobody leads until it is founded anew`(kind: StoreKind) async throws {
        let server = try await kind.breakable()
        defer { server.end() }
        let store = try await server.site.founded()
        let tenure = try await win(store)
        #expect(try await store.publish([1], as: tenure, replacing: nil) == .accepted)
        try await server.wipe()
        await #expect(throws: StoreError.empty(place: store.place)) {
            try await store.publish([2], as: tenure, replacing: nil)
        }
        await #expect(throws: StoreError.empty(place: store.place)) { try await win(store) }
        #expect(try await store.found() != tenure.store)
        #expect(try await store.publish([2], as: tenure, replacing: nil) == .fenced(held: 0))
        #expect(try await win(store, above: tenure.epoch).epoch == 2)
    }

    @Test(arguments: StoreKind.here)
    func `a leader from after the backup is refused by the restored store, and the floor heals it`(
        kind: StoreKind
    ) async throws {
        let server = try await kind.breakable()
        defer { server.end() }
        let store = try await server.site.founded()
        let first = try await win(store)
        #expect(try await store.publish([1], as: first, replacing: nil) == .accepted)
        try await store.release(.leader, as: first.token)
        try await server.backup()
        let second = try await win(store)
        #expect(try await store.publish([2], as: second, replacing: Document([1]).digest) == .accepted)
        try await server.restore()
        #expect(try await store.read(.current) == Document([1]))
        #expect(
            try await store.publish([3], as: second, replacing: Document([1]).digest) == .fenced(held: 1))
        #expect(try await store.renew(.leader, as: second.token, for: .seconds(30)) == .lost)
        let third = try await win(store, above: second.epoch)
        #expect(third.epoch == 3)
        #expect(try await store.publish([3], as: third, replacing: Document([1]).digest) == .accepted)
    }

    @Test(arguments: StoreKind.here.filter { $0.program != nil })
    func `a publication whose answer was lost is read again, and accepted`(kind: StoreKind) async throws {
        let server = try await kind.breakable()
        defer { server.end() }
        let proxy = try LosingProxy(to: server.port)
        defer { proxy.end() }
        let store = try #require(try server.client(proxy.port, StoreKind.patience))
        _ = try await store.found()
        let tenure = try await win(store)
        let (first, second) = (Array("the first publication".utf8), Array("the second publication".utf8))
        #expect(try await store.publish(first, as: tenure, replacing: nil) == .accepted)
        proxy.loseAnswer(toRequestWith: "the second publication")
        #expect(try await store.publish(second, as: tenure, replacing: Document(first).digest) == .accepted)
        #expect(proxy.lost == 1)
        #expect(try await store.read(.current) == Document(second))
    }

    @Test(arguments: StoreKind.here.filter { $0.program != nil })
    func `a fenced publication whose answer was lost is not taken for accepted`(kind: StoreKind) async throws {
        let server = try await kind.breakable()
        defer { server.end() }
        let proxy = try LosingProxy(to: server.port)
        defer { proxy.end() }
        let store = try #require(try server.client(proxy.port, StoreKind.patience))
        _ = try await store.found()
        let tenure = try await win(store)
        #expect(try await store.publish([1], as: tenure, replacing: nil) == .accepted)
        try await store.release(.leader, as: tenure.token)
        proxy.loseAnswer(toRequestWith: "too late a publication")
        let late = Array("too late a publication".utf8)
        do {
            let outcome = try await store.publish(late, as: tenure, replacing: Document([1]).digest)
            // Some look first, and send nothing that could be lost.
            #expect(outcome == .fenced(held: 1) && proxy.lost == 0)
        } catch StoreError.unknown {
            #expect(proxy.lost == 1)
        }
        #expect(try await store.read(.current) == Document([1]))
    }

    @Test(arguments: StoreKind.here.filter { $0.program != nil })
    func `a server that is silent is unreachable within its time`(kind: StoreKind) async throws {
        let server = try await kind.breakable()
        defer { server.end() }
        let store = try await server.site.founded()
        let hasty = try #require(try server.client(server.port, .seconds(1)))
        try await server.pause()
        let start = BootClock.now()
        await #expect(throws: StoreError.self) { try await hasty.view() }
        #expect(BootClock.now() - start < StoreKind.patience)
        try await server.resume()
        #expect(try await store.view().identity != nil)
    }

    @Test(arguments: StoreKind.here.filter { $0.program != nil })
    func `a leader whose process slept past its lease is refused by the store`(kind: StoreKind) async throws {
        let site = try await Site.shared(kind)
        let (a, b) = (try await site.founded("a"), try await site.client("b"))
        // Its gate is what a stopped process cannot ask: the tenure as it was before the sleep.
        let asleep = try await win(a, for: kind.shortestLease)
        let awake = try await winSoon(b, as: HolderToken(host: "b"))
        #expect(try await b.publish([2], as: awake, replacing: nil) == .accepted)
        #expect(
            try await a.publish([1], as: asleep, replacing: Document([2]).digest) == .fenced(held: awake.epoch))
        #expect(try await a.read(.current) == Document([2]))
    }
}

extension StoreKind {
    func breakable() async throws -> FaultTests.Breakable {
        switch self {
        case .memory: try await breakableMemory()
        case .local: try breakableDirectory()
        case .etcd: try await breakableEtcd()
        case .redis: try await breakableRedis()
        case .consul: try await breakableConsul()
        }
    }

    private func breakableMemory() async throws -> FaultTests.Breakable {
        let server = MemoryServer()
        let kept = Kept<MemoryServer.Backup>()
        return FaultTests.Breakable(
            site: Site(self) { try MemoryStore(server, fleet: $0, client: $1) },
            pause: { await server.pause() }, resume: { await server.resume() }, wipe: { await server.wipe() },
            backup: { kept.put(await server.backup()) },
            restore: { if let backup = kept.value { await server.restore(backup) } }, end: {})
    }

    private func breakableDirectory() throws -> FaultTests.Breakable {
        let directory = try LastingDirectories.make()
        let (file, kept) = ("\(directory.path)/records.json", "\(directory.path)/kept.json")
        return FaultTests.Breakable(
            site: Site(self) { fleet, _ in try LocalFileStore(directory: directory.path, fleet: fleet) },
            pause: {}, resume: {}, wipe: { try Shell.run("rm \(file)") },
            backup: { try Shell.run("cp \(file) \(kept)") }, restore: { try Shell.run("cp \(kept) \(file)") },
            end: {})
    }

    /// Snapshots as etcdctl takes and restores them, on the same port.
    private func breakableEtcd() async throws -> FaultTests.Breakable {
        let first = try await EtcdServer()
        let now = Kept<EtcdServer>()
        now.put(first)
        let snapshot = "\(first.process.directory.path)/snapshot"
        let site = first.site()
        return FaultTests.Breakable(
            site: site, port: first.port,
            client: { port, timeout in
                let settings = EtcdSettings(endpoints: ["http://127.0.0.1:\(port)"], timeout: timeout)
                return try EtcdStore(settings, fleet: site.fleet)
            },
            pause: { try now.get().process.signal("STOP") },
            resume: { try now.get().process.signal("CONT") },
            wipe: { try first.control("del --prefix sluice/") },
            backup: { try first.control("snapshot save \(snapshot)") },
            restore: {
                try now.get().process.end()
                let directory = try TemporaryDirectory()
                let peer = try StoreProcess.freePort()
                try Shell.run(
                    """
                    ETCDCTL_API=3 etcdctl snapshot restore \(snapshot) --data-dir \(directory.path)/data \
                    --initial-cluster default=http://127.0.0.1:\(peer) \
                    --initial-advertise-peer-urls http://127.0.0.1:\(peer)
                    """)
                now.put(try await EtcdServer(data: directory, port: first.port, peer: peer))
            },
            end: { now.ending { $0.process.end() } })
    }

    /// A copy of the append-only files, on the same port.
    private func breakableRedis() async throws -> FaultTests.Breakable {
        let first = try await RedisServer()
        let now = Kept<RedisServer>()
        now.put(first)
        let path = first.process.directory.path
        let site = first.site()
        return FaultTests.Breakable(
            site: site, port: first.port,
            client: { port, timeout in
                try RedisStore(RedisSettings(host: "127.0.0.1", port: port, timeout: timeout), fleet: site.fleet)
            },
            pause: { try now.get().process.signal("STOP") },
            resume: { try now.get().process.signal("CONT") },
            wipe: { _ = try await first.command("FLUSHALL") },
            backup: { try Shell.run("cp -r \(path)/appendonlydir \(path)/kept") },
            restore: {
                try now.get().process.end()
                try Shell.run("rm -r \(path)/appendonlydir && mv \(path)/kept \(path)/appendonlydir")
                now.put(try await RedisServer(data: first.process.directory, port: first.port))
            },
            end: { now.ending { $0.process.end() } })
    }

    private func breakableConsul() async throws -> FaultTests.Breakable {
        let server = try await ConsulSite()
        let snapshot = "\(server.process.directory.path)/snapshot"
        let tool: @Sendable (String) throws -> Void = { action in
            try Shell.run("consul snapshot \(action) -http-addr=127.0.0.1:\(server.port) \(snapshot)")
        }
        let site = server.site()
        return FaultTests.Breakable(
            site: site, port: server.port,
            client: { port, timeout in
                try ConsulStore(ConsulSite.client(at: port, timeout: timeout), fleet: site.fleet)
            },
            pause: { try server.process.signal("STOP") },
            resume: { try server.process.signal("CONT") },
            wipe: { try await server.client.deleteKeys(prefix: "sluice/") },
            backup: { try tool("save") },
            restore: { try tool("restore") },
            end: { server.process.end() })
    }
}
