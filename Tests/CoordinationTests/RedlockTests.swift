// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

@testable import Coordination

@Suite struct RedlockTests {
    /// Five masters and a client of each for every candidate.
    private struct Masters {
        let servers = (0..<5).map { _ in MemoryServer() }

        func locks(_ client: String) async throws -> RedlockLocks {
            var stores: [any LockStore] = []
            for server in servers {
                let store = try MemoryStore(server, fleet: "f", client: client)
                _ = try await store.found()
                stores.append(store)
            }
            return try RedlockLocks(stores)
        }
    }

    /// What a candidate wins in three tries.
    private static func epochs(_ locks: RedlockLocks, of client: String, after pauses: UInt8) async throws -> [UInt64] {
        for _ in 0..<pauses { await Task.yield() }
        var epochs: [UInt64] = []
        for _ in 0..<3 {
            if let tenure = try await win(locks, as: HolderToken(host: client)) { epochs.append(tenure.epoch) }
        }
        return epochs
    }

    private static func win(_ locks: RedlockLocks, as token: HolderToken) async throws -> Tenure? {
        do {
            guard case .won(let tenure) = try await locks.acquire(.leader, as: token, for: .seconds(60), above: 0)
            else { return nil }
            return tenure
        } catch let error as StoreError where error.isTransient {
            return nil
        }
    }

    @Test func `an even number of masters is refused`() throws {
        #expect(throws: StoreError.self) { try RedlockLocks([]) }
    }

    @Test func `two masters of five may be away`() async throws {
        let masters = Masters()
        let locks = try await masters.locks("a")
        for server in masters.servers.prefix(2) { await server.pause() }
        let token = HolderToken(host: "a")
        #expect(try await Self.win(locks, as: token)?.epoch == 1)
        #expect(try await locks.renew(.leader, as: token, for: .seconds(60)) == .renewed)
        await masters.servers[2].pause()
        await #expect(throws: StoreError.self) { try await locks.renew(.leader, as: token, for: .seconds(60)) }
    }

    @Test func `who holds keeps the others out`() async throws {
        let masters = Masters()
        let (a, b) = (try await masters.locks("a"), try await masters.locks("b"))
        let token = HolderToken(host: "a")
        #expect(try await Self.win(a, as: token)?.epoch == 1)
        #expect(
            try await b.acquire(.leader, as: HolderToken(host: "b"), for: .seconds(60), above: 0)
                == .held(by: token, epoch: 1))
        try await a.release(.leader, as: token)
        #expect(try await Self.win(b, as: HolderToken(host: "b"))?.epoch == 2)
    }

    /// Locks that grant to everybody, lost answers and masters that are away: the promises alone keep numbers apart.
    @Test func `in a thousand interleavings no epoch has two holders`() async throws {
        var random = SplitMix(for: "redlock")
        var total = 0
        for round in 0..<1000 {
            let masters = Masters()
            var all: [RedlockLocks] = []
            for client in 0..<3 { all.append(try await masters.locks("c\(client)")) }
            for server in masters.servers {
                await server.grantToEverybody()
                for client in 0..<3 where UInt8.random(in: 0..<4, using: &random) == 0 {
                    await server.loseNextAnswer(to: "c\(client)")
                }
            }
            if Bool.random(using: &random) { await masters.servers[0].partition("c0") }
            let epochs = try await withThrowingTaskGroup(of: [UInt64].self) { group in
                for (index, locks) in all.enumerated() {
                    let pauses = UInt8.random(in: 0..<4, using: &random)
                    group.addTask { try await Self.epochs(locks, of: "c\(index)", after: pauses) }
                }
                return try await group.reduce(into: []) { $0 += $1 }
            }
            total += epochs.count
            #expect(Set(epochs).count == epochs.count, "round \(round), seed \(random.seed): \(epochs)")
        }
        #expect(total > 500, "too few were won to show anything")
    }

    @Test(.requires("redis-server")) func `five Redis masters elect, and again when two are gone`() async throws {
        var servers: [RedisServer] = []
        for _ in 0..<5 { servers.append(try await RedisServer()) }
        defer { for server in servers { server.process.end() } }
        var stores: [RedisStore] = []
        for server in servers {
            let store = try RedisStore(server.settings, fleet: "f")
            _ = try await store.found()
            stores.append(store)
        }
        let locks = try RedlockLocks(stores)
        let election = Election(store: locks, host: "a", logger: quiet)
        #expect(try await election.lead { $0.epoch } == 1)
        for server in servers.prefix(2) { server.process.end() }
        #expect(try await election.lead { $0.epoch } == 2)
    }
}
