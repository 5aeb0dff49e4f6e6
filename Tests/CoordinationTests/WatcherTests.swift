// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import TestSupport
import Testing

@testable import Coordination

/// How many hosts one store serves. Ten are clients as a host has them; the rest ask the same with connections of their
/// own from one light process: the clients of one process share 64 connections to a server, which is plenty for a host,
/// and a thousand would wait for each other and not for etcd.
///
/// `SLUICE_WATCHERS=10,100,1000` chooses the sizes; the figures are printed.
@Suite(.serialized, .requires("etcd", "curl", "python3"), .timeLimit(.minutes(10))) struct WatcherTests {
    private static let sizes: [Int] = (getenv("SLUICE_WATCHERS").map { String(cString: $0) } ?? "30")
        .split(separator: ",").compactMap { Int($0) }

    /// Of our own clients.
    private static let ownMax = 10
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
                for number in 0..<min(watchers, Self.ownMax) {
                    let host = try await site.client("host-\(number)")
                    group.addTask { try await Self.follow(host, arrived) }
                }
            }
        }
        var iterator = arrivals.makeAsyncIterator()
        let own = min(watchers, Self.ownMax)
        try await Self.wait(for: own, of: current, &iterator)
        let light = try await LightWatchers(watchers - own, of: site.fleet, in: server, at: current)
        defer { light.end() }
        let sent = try Self.bytesSent(server)
        var slowest: [Duration] = []
        for change in 1...Self.publications {
            blobs[change] = try await leader.putBlob(Self.service(change, change: change))
            let began = BootClock.now()
            current = try await publish(blobs, by: leader, as: tenure, after: current)
            try await Self.wait(for: own, of: current, &iterator)
            try await light.wait(for: current)
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

/// Watchers of another make, in a process of their own.
private struct LightWatchers {
    private let process: StoreProcess?

    init(_ count: Int, of fleet: String, in server: EtcdServer, at current: String) async throws {
        guard count > 0 else {
            process = nil
            return
        }
        let directory = try TemporaryDirectory()
        process = try await StoreProcess(
            [
                RepositoryRoot.path + "/tools/lab-watchers", "\(server.port)", try StoreKeys(fleet: fleet).prefix,
                "\(count)",
            ],
            in: directory
        ) { try Self.have(current, directory) }
    }

    func wait(for digest: String) async throws {
        guard let process else { return }
        try await awaited("the light watchers", within: .seconds(300)) { try Self.have(digest, process.directory) }
    }

    func end() { process?.end() }

    private static func have(_ digest: String, _ directory: TemporaryDirectory) throws -> Bool {
        let said = FileManager.default.contents(atPath: directory.path + "/log") ?? Data()
        return String(decoding: said, as: UTF8.self).contains("all \(digest)")
    }
}
