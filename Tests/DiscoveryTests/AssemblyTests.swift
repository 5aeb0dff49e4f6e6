// SPDX-License-Identifier: Apache-2.0

import Discovery
import Model
import Testing

/// When whole catalogs are handed on: a quiet time of 250 ms, 10 s at the longest.
@Suite struct AssemblyTests {
    private let web = CatalogQuery(service: "web")
    private let api = CatalogQuery(service: "api")

    /// Both services read at second 0.
    private func settled() throws -> CatalogAssembly {
        var assembly = CatalogAssembly()
        _ = assembly.watch([web, api], at: .zero)
        _ = assembly.found(.news(.changed(try reading("n/a", "n/b"))), of: web, at: .zero)
        _ = assembly.found(.news(.changed(try reading("n/a"))), of: api, at: .zero)
        return assembly
    }

    @Test func `the first catalog waits for every service and then for nothing`() throws {
        var assembly = CatalogAssembly()
        #expect(assembly.watch([web, api], at: .zero).publish == nil)
        #expect(assembly.found(.news(.changed(try reading("n/a"))), of: web, at: .seconds(1)).publish == nil)
        let catalog = assembly.found(.failure(.unreachable, "down"), of: api, at: .seconds(2)).publish
        #expect(catalog?.services[web]?.reading == (try reading("n/a")))
        #expect(catalog?.services[api]?.reading == nil)
        #expect(catalog?.services[api]?.trouble?.message == "down")
    }

    @Test func `without services the catalog is empty at once`() {
        var assembly = CatalogAssembly()
        #expect(assembly.watch([], at: .zero).publish == Catalog())
    }

    @Test func `a new instance waits for quiet`() throws {
        var assembly = try settled()
        let more = try reading("n/a", "n/b", "n/c")
        let action = assembly.found(.news(.changed(more)), of: web, at: .seconds(10))
        #expect(action == .init(wake: .seconds(10) + .milliseconds(250)))
        #expect(assembly.due(at: .seconds(10) + .milliseconds(250)).publish?.services[web]?.reading == more)
    }

    @Test func `changes that go on are handed on after the longest wait`() throws {
        var assembly = try settled()
        var published: [Duration] = []
        for tenth in 0...120 {
            let now = Duration.seconds(10) + .milliseconds(100 * tenth)
            // In maintenance all the while, so that nothing is urgent.
            var draining = try reading("n/a", "n/b", "n/\(tenth)")
            for index in draining.instances.indices { draining.instances[index].state = .draining }
            if assembly.found(.news(.changed(draining)), of: web, at: now).publish != nil { published.append(now) }
        }
        #expect(published == [.seconds(20)])
    }

    @Test func `an instance that fails does not wait`() throws {
        var assembly = try settled()
        var failed = try reading("n/a", "n/b")
        failed.instances[0].state = .out
        let action = assembly.found(.news(.changed(failed)), of: web, at: .seconds(10))
        #expect(action.publish?.services[web]?.reading == failed)
    }

    @Test func `an instance that goes does not wait`() throws {
        var assembly = try settled()
        let action = assembly.found(.news(.changed(try reading("n/a"))), of: web, at: .seconds(10))
        #expect(action.publish != nil)
    }

    @Test func `maintenance waits for quiet`() throws {
        var assembly = try settled()
        var draining = try reading("n/a", "n/b")
        draining.instances[0].state = .draining
        let action = assembly.found(.news(.changed(draining)), of: web, at: .seconds(10))
        #expect(action == .init(wake: .seconds(10) + .milliseconds(250)))
    }

    @Test func `a failure takes along what waits for quiet`() throws {
        var assembly = try settled()
        let more = try reading("n/a", "n/z")
        _ = assembly.found(.news(.changed(more)), of: api, at: .seconds(10))
        let action = assembly.found(.news(.changed(try reading("n/a"))), of: web, at: .seconds(10) + .milliseconds(9))
        #expect(action.publish?.services[api]?.reading == more)
    }

    @Test func `in trouble the last good reading stays and grows old`() throws {
        var assembly = try settled()
        _ = assembly.found(.failure(.noLeader, "no leader"), of: web, at: .seconds(10))
        let service = assembly.catalog(at: .seconds(15)).services[web]
        #expect(service?.reading == (try reading("n/a", "n/b")))
        #expect(service?.age(at: .seconds(15)) == .seconds(15))
        #expect(service?.trouble == CatalogTrouble(.noLeader, "no leader", since: .seconds(10)))
    }

    @Test func `trouble that goes on is no news`() throws {
        var assembly = try settled()
        _ = assembly.found(.failure(.noLeader, "a"), of: web, at: .seconds(10))
        _ = assembly.due(at: .seconds(11))
        #expect(assembly.found(.failure(.noLeader, "b"), of: web, at: .seconds(12)) == .init())
        #expect(assembly.catalog(at: .seconds(12)).services[web]?.trouble?.since == .seconds(10))
    }

    @Test func `what is not obeyed lies beside what is`() throws {
        var assembly = try settled()
        _ = assembly.found(.news(.suspicious(.emptied, ServiceReading())), of: web, at: .seconds(10))
        let service = assembly.catalog(at: .seconds(10)).services[web]
        #expect(service?.reading == (try reading("n/a", "n/b")))
        #expect(service?.suspect == ServiceReading())
        #expect(service?.trouble?.kind == .emptied)
    }

    @Test func `a confirmed reading is young again, and its trouble over`() throws {
        var assembly = try settled()
        _ = assembly.found(.failure(.timedOut, "slow"), of: web, at: .seconds(10))
        _ = assembly.found(.news(.confirmed), of: web, at: .seconds(20))
        let service = assembly.catalog(at: .seconds(21)).services[web]
        #expect(service?.age(at: .seconds(21)) == .seconds(1))
        #expect(service?.trouble == nil)
    }

    @Test func `a service that is wanted no more is gone, and the others stay`() throws {
        var assembly = try settled()
        _ = assembly.watch([web], at: .seconds(10))
        let catalog = assembly.due(at: .seconds(11)).publish
        #expect(catalog?.services.keys.map(\.service) == ["web"])
        #expect(catalog?.services[web]?.reading != nil)
    }
}
