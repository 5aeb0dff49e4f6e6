// SPDX-License-Identifier: Apache-2.0

import Glibc
import TestSupport
import Testing

@testable import Coordination
@testable import Reconciler

/// An hour in which a backend flaps without end, compressed in time: the store does not grow.
///
/// `SLUICE_FLAPS=3600` publishes as many generations as a fleet can in an hour; the figures are printed.
@Suite(.serialized, .timeLimit(.minutes(10))) struct FlappingTests {
    private static let generations = getenv("SLUICE_FLAPS").flatMap { Int(String(cString: $0)) } ?? 300
    private static let services = 500
    private static let hour = Duration.seconds(3600)
    private static var step: Duration { hour / generations }
    /// As etcd with `--auto-compaction-mode=periodic --auto-compaction-retention=5m`.
    private static let retention = Duration.seconds(300)

    @Test(.requires("etcd", "etcdctl")) func `etcd that compacts itself stays as big as it was`() async throws {
        let server = try await EtcdServer()
        defer { server.process.end() }
        var revision = try Self.revision(server)
        try await flap(server.site()) {
            try server.control("compaction \(revision)")
            revision = try Self.revision(server)
        }
    }

    @Test(.requires("redis-server")) func `Redis stays as big as it was`() async throws {
        let server = try await RedisServer()
        defer { server.process.end() }
        try await flap(server.site()) {}
    }

    /// - Parameter compact: called as often as a store compacts itself.
    private func flap(_ site: Site, compact: () throws -> Void) async throws {
        let store = try await site.founded()
        let tenure = try await win(store, for: .seconds(3600))
        var blobs: [String] = []
        for number in 0..<Self.services { blobs.append(try await store.putBlob(Self.service(number, change: 0))) }
        var (sweep, sizes, written, most) = (BlobSweep(), [UInt64](), 0, 0)
        var (current, swept, compacted): (String?, Duration, Duration) = (nil, .zero, .zero)
        for number in 1...Self.generations {
            let uptime = Self.step * number
            // Never the same twice, as weights and settled members come and go with it.
            let service = Self.service(number % 7, change: number)
            blobs[number % 7] = try await store.putBlob(service)
            let manifest = Array(blobs.joined(separator: "\n").utf8)
            #expect(try await store.publish(manifest, as: tenure, replacing: current) == .accepted)
            current = Document(manifest).digest
            for host in 1...3 {
                let report = Array("\(host) has applied \(number) \(current ?? "")".utf8)
                _ = try await store.write(report, to: .host("edge-\(host)"), expecting: .anything, as: nil)
            }
            written += service.count + manifest.count
            if uptime - swept >= BlobSweep.interval {
                swept = uptime
                let all = try await store.blobs()
                most = max(most, all.count)
                for digest in sweep.unnamed(of: all, named: Set(blobs), at: uptime) {
                    #expect(try await store.deleteBlob(digest, as: tenure) == .accepted)
                }
            }
            if uptime - compacted >= Self.retention {
                compacted = uptime
                try compact()
                sizes.append(try #require(try await store.health().bytes))
            }
        }
        print(
            "\(site.kind): \(Self.generations) generations, \(written) bytes published; at most \(most) blobs; "
                + "the store's bytes every 5 minutes: \(sizes)")
        let kept = Int((BlobSweep.grace + BlobSweep.interval * 2) / Self.step)
        #expect(most <= Self.services + kept + 1)
        let (half, end) = (sizes[sizes.count / 2 - 1], try #require(sizes.last))
        #expect(end <= half + half / 4 + 1 << 20, "it grows: \(sizes)")
    }

    private static func service(_ number: Int, change: Int) -> [UInt8] {
        Array("service \(number), change \(change), ".utf8) + [UInt8](repeating: UInt8(ascii: "x"), count: 2200)
    }

    private static func revision(_ server: EtcdServer) throws -> String {
        try server.control(#"get nothing -w fields | sed -n 's/.*"Revision" : //p'"#).filter(\.isNumber)
    }
}
