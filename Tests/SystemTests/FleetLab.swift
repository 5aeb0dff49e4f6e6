// SPDX-License-Identifier: Apache-2.0

import Foundation
import Synchronization
import TestSupport

/// A lab whose three edges are one fleet: a real store and a real Consul on the router, and traffic that goes on.
final class FleetLab: Sendable {
    let lab: Lab
    let store: StoreKind
    let traffic: Traffic
    /// When requests may have failed, in seconds since 1970.
    private let excused = Mutex<[ClosedRange<Double>]>([])
    /// When backends died.
    private let deaths = Mutex<[Double]>([])

    /// Where its servers are.
    static let router = "10.2.0.254"
    /// How long a leader is believed in.
    static let lease = Duration.seconds(3)

    private init(lab: Lab, store: StoreKind, traffic: Traffic) {
        self.lab = lab
        self.store = store
        self.traffic = traffic
    }

    var edges: [Edge] { lab.edges }

    func others(than edge: Edge) -> [Edge] { edges.filter { $0.name != edge.name } }

    /// Tells a story of a fleet that runs `service` on the backends that Consul lists, at first web1 and web2.
    ///
    /// Afterwards all edges have one generation, none of them ever went back, no pair of epoch and number has two
    /// digests, and of the traffic that went on all the while no request failed but those that the story excused.
    ///
    /// - Parameters:
    ///   - proxied: each edge reaches the store through a proxy of its own, which can hold a write back.
    ///   - forks: whether the story makes any.
    static func tell(
        store: StoreKind = .etcd, backends: Int = 3, proxied: Bool = false, forks: Bool = false,
        _ story: (FleetLab) async throws -> Void
    ) async throws {
        try await Lab.with(edges: 3, backends: backends) { lab in
            try await serve(store, in: lab)
            for edge in lab.edges {
                try edge.join(store, proxied: proxied)
                if proxied { try await edge.startProxy(to: store) }
            }
            try await lab.edge.ctl("store", "restore", "--new")
            for edge in lab.edges { try await edge.launch() }
            let traffic = Traffic(lab: lab, word: "stream")
            let fleet = FleetLab(lab: lab, store: store, traffic: traffic)
            try await fleet.register("web1", "web2")
            try await fleet.apply(service())
            try await fleet.awaitBackends("web1", "web2")
            try await fleet.awaitAgreement()
            _ = try await lab.stream(traffic.word)
            try await story(fleet)
            try await fleet.awaitAgreement()
            try fleet.expectProgress(forks: forks)
            try await fleet.expectAnswers()
        }
    }

    private static func serve(_ store: StoreKind, in lab: Lab) async throws {
        for server in Set(["consul", store.server]).sorted() { try await lab.tool(["serve", server]) }
    }

    /// The services document: one service that Consul fills.
    ///
    /// - Parameter also: web servers that are backends though Consul does not list them.
    static func service(drain: String = "2s", idle: String = "2s", also: [String] = []) -> String {
        let health = "{ http: { path: /healthz }, interval: 300ms, timeout: 300ms, rise: 2, fall: 3 }"
        let more = also.map { "{ name: \($0), address: 10.3.0.2\($0.dropFirst(3)) }" }
        let lines = [
            "  - name: web", "    vip: { address: \(Lab.vip), port: 80, protocol: tcp }", "    forward: ipip",
            "    drain: \(drain)", "    flow-idle: \(idle)", "    health: \(health)",
            "    backends: { static: [\(more.joined(separator: ", "))], consul: { service: web } }",
        ]
        return (["services:"] + lines).joined(separator: "\n") + "\n"
    }

    // MARK: What happens

    func register(_ names: String...) async throws { try await lab.tool(["register"] + names) }
    func deregister(_ names: String...) async throws { try await lab.tool(["deregister"] + names) }

    func stopStore() async throws {
        for word in store.processes { try await lab.stop(word, "KILL") }
    }

    /// It goes on from what it stored.
    func startStore() async throws { try await lab.tool(["serve", store.server]) }

    /// What it stored is gone.
    func wipeStore() throws { try FileManager.default.removeItem(atPath: "\(lab.folder)/\(store.server)") }

    /// Kills a backend's server, and waits until these edges have taken it out. Requests may fail for its health check's
    /// time.
    func die(_ web: String, seenBy edges: [Edge]? = nil, remaining: String...) async throws {
        let start = Date().timeIntervalSince1970
        // A master that is killed leaves its workers alive.
        try await lab.stop("nginx-\(web)")
        let dead = Date().timeIntervalSince1970
        excused.withLock { $0.append(start...dead + Self.healthCheck + Self.slack) }
        deaths.withLock { $0.append(dead) }
        try await awaitBackends(remaining, on: edges ?? self.edges)
    }

    /// Of `service`, in seconds: `fall` probes, an interval apart, and the time that the last may take.
    private static let healthCheck = 0.3 * 3 + 0.3
    /// What a busy machine may be late by.
    private static let slack = 2.0

    /// Requests may fail while this is done, and those that were on their way.
    @discardableResult
    func excusing<Value>(_ work: () async throws -> Value) async throws -> Value {
        let start = Date().timeIntervalSince1970
        let value = try await work()
        excused.withLock { $0.append(start - 0.5...Date().timeIntervalSince1970 + 0.5) }
        return value
    }

    /// It serves again.
    func revive(_ web: String) async throws {
        let home = "\(lab.folder)/\(web)"
        try await lab.start(
            web, "nginx-\(web)", ["nginx", "-e", "\(home)/error.log", "-p", home, "-c", "\(home)/nginx.conf"])
    }

    /// The router sends the VIPs to these edges only: a flow moves with the route, so all slots have to be settled.
    func route(to chosen: [Edge]) async throws {
        for edge in chosen {
            try await until("\(edge.name) is settled") { try await edge.fleetStatus()?.unsettled == [] }
        }
        try await lab.tool(["route"] + chosen.map(\.name))
    }

    /// Applies a document as a person on the edge would; the first living one unless told.
    func apply(_ document: String, _ options: String..., on edge: Edge? = nil) async throws {
        guard let edge = edge ?? edges.first(where: \.isAlive) else {
            throw SystemError("apply", cause: "no edge lives")
        }
        try edge.write(document, to: "services.yaml")
        try await until("a document is applied") {
            let output = try await edge.output(["apply", "\(edge.folder)/services.yaml"] + options)
            // 5: it is in the store, and waits for a leader.
            if output.status == 0 || output.status == 5 { return true }
            // Not up yet; all else is for the story to know.
            guard output.status == 4 else { throw SystemError("apply", cause: "\(output.status): \(output.errors)") }
            return false
        }
    }

    // MARK: What must be so

    /// Each edge's log says what it applied, over all its lives: always above what was before.
    private func expectProgress(forks: Bool) throws {
        var digests: [Applied.Number: Set<String>] = [:]
        for edge in edges {
            let applied = try edge.applied()
            for (before, after) in zip(applied, applied.dropFirst()) where after.number < before.number {
                throw SystemError("\(edge.name) went back", cause: "from \(before) to \(after)")
            }
            for one in applied { digests[one.number, default: []].insert(one.digest) }
        }
        for (number, all) in digests where all.count > 1 && !forks {
            throw SystemError("\(number) is forked", cause: "\(all)")
        }
    }

    private func expectAnswers() async throws {
        let tally = try await traffic.finish()
        let windows = excused.withLock { $0 }
        let unexcused = tally.failures.filter { failure in !windows.contains { $0.contains(failure.at) } }
        guard unexcused.isEmpty, tally.requests > 50 else {
            throw SystemError(
                "serve all requests", cause: "\(tally); not excused by \(windows): \(unexcused.prefix(10))")
        }
        print("\(lab.name), \(store): \(tally)")
        for dead in deaths.withLock({ $0 }) {
            let last = tally.failures.map(\.at).filter { $0 < dead + Self.healthCheck + Self.slack }.max()
            print("\(lab.name): the last request failed \((last ?? dead) - dead) s after the backend's death")
        }
    }
}

/// What an edge says that it applied.
struct Applied: CustomStringConvertible {
    struct Number: Hashable, Comparable, CustomStringConvertible {
        var epoch: UInt64
        var number: UInt64

        static func < (one: Number, other: Number) -> Bool {
            (one.epoch, one.number) < (other.epoch, other.number)
        }

        var description: String { "\(epoch).\(number)" }
    }

    var number: Number
    var digest: String

    var description: String { "\(number) (\(digest))" }
}

extension Edge {
    func applied() throws -> [Applied] {
        try logged().matches(of: #/generation=(\d+)\.(\d+) \(([0-9a-f]+)\) .*applied/#).compactMap { match in
            guard let epoch = UInt64(match.output.1), let number = UInt64(match.output.2) else { return nil }
            return Applied(number: .init(epoch: epoch, number: number), digest: String(match.output.3))
        }
    }
}
