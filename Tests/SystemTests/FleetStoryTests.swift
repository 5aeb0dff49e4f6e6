// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// Three edges that follow one elected leader, while Consul changes and leaders fail.
@Suite(.serialized, .requiresFleet)
struct FleetStoryTests {
    @Test(arguments: [StoreKind.etcd, .redis, .consul])
    func `what Consul lists is on every edge`(store: StoreKind) async throws {
        try await FleetLab.tell(store: store) { fleet in
            try await fleet.register("web3")
            try await fleet.awaitBackends("web1", "web2", "web3")
            try await fleet.deregister("web1")
            try await fleet.awaitBackends("web2", "web3")
        }
    }

    /// At most the lease and a second; for Consul twice the TTL, as it ends sessions late.
    @Test(arguments: [(StoreKind.etcd, 4), (.redis, 4), (.consul, 7)])
    func `a leader that is killed is followed by another`(store: StoreKind, seconds: Int) async throws {
        try await FleetLab.tell(store: store) { fleet in
            let first = try await fleet.leader()
            let start = ContinuousClock.now
            try await first.kill()
            _ = try await fleet.leader(beside: first)
            let time = ContinuousClock.now - start
            print("\(store): another led \(time) after the kill, of a lease of \(FleetLab.lease)")
            // Looking at each edge takes a while on a busy machine.
            #expect(time < .seconds(seconds + 2))
            try await fleet.register("web3")
            try await fleet.awaitBackends("web1", "web2", "web3", on: fleet.others(than: first))
            try await first.start()
            try await fleet.awaitBackends("web1", "web2", "web3")
        }
    }

    @Test func `a leader that is woken past its lease in the middle of a publication is refused by the store`()
        async throws
    {
        try await FleetLab.tell(proxied: true) { fleet in
            let stale = try await fleet.leader()
            try stale.holdPublication()
            try await fleet.register("web3")
            try await stale.awaitHeldPublication()
            try await stale.stopped {
                _ = try await fleet.leader(beside: stale)
                try await fleet.awaitBackends("web1", "web2", "web3", on: fleet.others(than: stale))
                try stale.releasePublication()
                let answer = try await stale.awaitAnswerToPublication()
                #expect(!answer.contains("succeeded"), "the store took it: \(answer)")
            }
            try await fleet.awaitBackends("web1", "web2", "web3")
            try await until("it counts the refusal") { try await stale.fleetStatus()?.fenced == 1 }
        }
    }

    @Test func `a leader that is cut from the store steps down, and follows again when it is back`() async throws {
        try await FleetLab.tell { fleet in
            let first = try await fleet.leader()
            try await first.cut(from: fleet.store)
            try await until("it leads no more") { try await first.fleetStatus()?.leading == false }
            _ = try await fleet.leader(beside: first)
            try await fleet.register("web3")
            try await fleet.awaitBackends("web1", "web2", "web3", on: fleet.others(than: first))
            try await first.mend()
            try await fleet.awaitBackends("web1", "web2", "web3")
        }
    }

    @Test func `a leader that the other hosts do not reach goes on leading them through the store`() async throws {
        try await FleetLab.tell { fleet in
            let leader = try await fleet.leader()
            let others = fleet.others(than: leader)
            let epoch = try await leader.fleetStatus()?.generation?.epoch
            try await leader.cut(from: others)
            // One of them misses some generations, too.
            try await others[0].cut(from: fleet.store)
            try await fleet.register("web3")
            try await fleet.awaitBackends("web1", "web2", "web3", on: [leader, others[1]])
            try await fleet.deregister("web1")
            try await fleet.awaitBackends("web2", "web3", on: [leader, others[1]])
            try await others[0].mend()
            try await fleet.awaitBackends("web2", "web3")
            try await leader.mend()
            #expect(try await leader.fleetStatus()?.generation?.epoch == epoch)
        }
    }
}
