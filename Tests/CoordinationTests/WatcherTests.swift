// SPDX-License-Identifier: Apache-2.0

import Glibc
import TestSupport
import Testing

@testable import Coordination

/// How many hosts one store serves: each is a client of its own with its own connections, as a host has them.
///
/// `SLUICE_WATCHERS=10,100,1000` chooses the sizes; the figures are printed.
@Suite(.requires("etcd", "curl"), .timeLimit(.minutes(10))) struct WatcherTests {
    private static let sizes: [Int] = (getenv("SLUICE_WATCHERS").map { String(cString: $0) } ?? "10")
        .split(separator: ",").compactMap { Int($0) }

    private static let services = 500
    private static let publications = 5

    @Test(arguments: sizes) func `every watcher gets every publication`(watchers: Int) async throws {
        let server = try await EtcdServer()
        defer { server.process.end() }
        let site = server.site()
        let leader = try await site.founded()
        let tenure = try await win(leader, for: .seconds(600))
        var blobs: [String] = []
        for service in 0..<Self.services { blobs.append(try await leader.putBlob(Self.service(service, change: 0))) }
        var current = try await publish(blobs, by: leader, as: tenure, after: nil)

        let (arrivals, arrived) = AsyncStream.makeStream(of: String.self)
        let following = Task {
            try await withThrowingDiscardingTaskGroup { group in
                for number in 0..<watchers {
                    let host = try await site.client("host-\(number)")
                    group.addTask { try await Self.follow(host, arrived) }
                }
            }
        }
        var iterator = arrivals.makeAsyncIterator()
        try await Self.wait(for: watchers, of: current, &iterator)
        let sent = try Self.bytesSent(server)
        var slowest: [Duration] = []
        for change in 1...Self.publications {
            blobs[change] = try await leader.putBlob(Self.service(change, change: change))
            let began = BootClock.now()
            current = try await publish(blobs, by: leader, as: tenure, after: current)
            try await Self.wait(for: watchers, of: current, &iterator)
            slowest.append(BootClock.now() - began)
        }
        let bytes = (try Self.bytesSent(server) - sent) / Self.publications
        following.cancel()
        _ = await following.result
        let memory = try Shell.run("grep VmHWM /proc/$(cat \(server.process.directory.path)/pid)/status")
        print(
            """
            \(watchers) watchers, manifest of \(Self.services) services: last one after \
            \(slowest.sorted()[Self.publications / 2]), at worst \(slowest.max() ?? .zero); \
            \(bytes) bytes a publication; etcd \(memory.split(separator: ":").last ?? "")
            """)
    }

    /// As a host does: the manifest, then the blob that it lacks.
    private static func follow(_ host: any FleetStore, _ arrived: AsyncStream<String>.Continuation) async throws {
        var known: Set<Substring> = []
        var digest: String?
        while true {
            let document = try await host.published(after: digest)
            let named = Set(String(decoding: document.bytes, as: UTF8.self).split(separator: "\n"))
            // All of the first are thousands of requests that a host makes once in its life.
            if !known.isEmpty {
                for missing in named.subtracting(known) { #expect(try await host.blob(String(missing)) != nil) }
            }
            known = named
            digest = document.digest
            arrived.yield(document.digest)
        }
    }

    private static func wait(
        for watchers: Int, of digest: String, _ arrivals: inout AsyncStream<String>.AsyncIterator
    ) async throws {
        var left = watchers
        while left > 0, let arrival = await arrivals.next() {
            if arrival == digest { left -= 1 }
        }
    }

    /// A line a service: as long as a real manifest's entry.
    private func publish(
        _ blobs: [String], by leader: any FleetStore, as tenure: Tenure, after previous: String?
    ) async throws -> String {
        let bytes = Array(blobs.joined(separator: "\n").utf8)
        #expect(try await leader.publish(bytes, as: tenure, replacing: previous) == .accepted)
        return Document(bytes).digest
    }

    private static func service(_ number: Int, change: Int) -> [UInt8] {
        Array("service \(number), change \(change), ".utf8) + [UInt8](repeating: UInt8(ascii: "x"), count: 2200)
    }

    private static func bytesSent(_ server: EtcdServer) throws -> Int {
        let text = try Shell.run(
            "curl -sf \(server.endpoint)/metrics | sed -n 's/^etcd_network_client_grpc_sent_bytes_total //p'")
        guard let bytes = Double(text.filter { !$0.isWhitespace }) else {
            throw SystemError("read etcd's count of bytes", cause: text)
        }
        return Int(bytes)
    }
}
