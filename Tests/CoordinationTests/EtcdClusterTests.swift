// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

@testable import Coordination

@Suite(.requires("etcd", "etcdctl", "jq")) struct EtcdClusterTests {
    @Test func `when etcd's leader is killed, a tenure goes on and nothing is lost`() async throws {
        let cluster = try await EtcdCluster()
        defer { cluster.end() }
        let store = try cluster.store(fleet: "f")
        _ = try await store.found()
        let tenure = try await win(store, for: .seconds(60))
        #expect(try await store.publish([1], as: tenure, replacing: nil) == .accepted)

        // As hosts have it unless told otherwise.
        let usual = try EtcdStore(EtcdSettings(endpoints: cluster.members.map(\.endpoint)), fleet: "f")
        let killed = BootClock.now()
        let first = try cluster.killLeader()
        try await awaited("a publication", within: .seconds(60)) {
            do {
                let outcome = try await usual.publish([2], as: tenure, replacing: Document([1]).digest)
                // A first try may have been done without an answer.
                return outcome == .accepted || outcome == .conflict(found: Document([2]))
            } catch let error as StoreError where error.isTransient {
                return false
            }
        }
        print("etcd: publishing again \(BootClock.now() - killed) after its leader was killed")
        #expect(try await store.renew(.leader, as: tenure.token, for: .seconds(60)) == .renewed)
        #expect(try await store.view().current == Document([2]))
        #expect(try await store.view().epoch == tenure.epoch)

        // One of three is no quorum.
        cluster.members[(first + 1) % 3].process.end()
        let hasty = try cluster.store(fleet: "f", timeout: .seconds(1))
        await #expect { try await hasty.view() } throws: { ($0 as? StoreError)?.isTransient == true }
    }

    @Test func `every member that is asked first gives the same answer`() async throws {
        let cluster = try await EtcdCluster()
        defer { cluster.end() }
        let store = try cluster.store(fleet: "f")
        _ = try await store.found()
        let tenure = try await win(store)
        for number in UInt8(1)...9 {
            let before = number == 1 ? nil : Document([number - 1]).digest
            #expect(try await store.publish([number], as: tenure, replacing: before) == .accepted)
            for member in cluster.members {
                let other = try EtcdStore(
                    EtcdSettings(endpoints: [member.endpoint], timeout: StoreKind.patience), fleet: "f")
                #expect(try await other.read(.current) == Document([number]))
            }
        }
    }

    @Test func `out of space nobody can lead, and health says what to do`() async throws {
        let server = try await EtcdServer(options: ["--quota-backend-bytes", "16777216"])
        defer { server.process.end() }
        let store = try await server.site().founded()
        let blob = [UInt8](repeating: 0, count: 1 << 20)
        var refusal: StoreError?
        for number in UInt8(0)..<40 where refusal == nil {
            do { _ = try await store.putBlob([number] + blob) } catch let error as StoreError { refusal = error }
        }
        #expect(
            refusal.map { "\($0)" }?.contains("compact and defragment etcd") == true, "\(String(describing: refusal))")
        await #expect { try await win(store) } throws: { "\($0)".contains("compact and defragment etcd") }
        let health = try await store.health()
        #expect(health.problems.count == 1)
        #expect(health.problems.first?.contains("nobody can lead") == true)
    }
}
