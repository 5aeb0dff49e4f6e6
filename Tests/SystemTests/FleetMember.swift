// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import TestSupport
import Testing

extension Trait where Self == ConditionTrait {
    /// All that `FleetLab` and its stories use.
    static var requiresFleet: Self {
        .requires(
            "root", "bpf", "netns", "nginx", "clang", "python3", "curl", "jq", "etcd", "consul", "redis-server",
            "redis-cli", "nft")
    }
}

/// A fleet's store, as the lab starts it.
enum StoreKind: String, CaseIterable, CustomStringConvertible, Sendable {
    case etcd, redis, consul, sentinel
    /// Of three members.
    case etcd3

    var description: String { rawValue }
    /// What `tools/lab serve` calls it.
    var server: String { rawValue }

    var processes: [String] {
        switch self {
        case .etcd, .redis, .consul: [rawValue]
        case .sentinel: ["redis", "redis2", "sentinel-26379", "sentinel-26380", "sentinel-26381"]
        case .etcd3: ports.map { "etcd-\($0)" }
        }
    }

    /// Of its clients.
    var ports: [Int] {
        switch self {
        case .etcd: [2379]
        case .redis: [6379]
        case .consul: [8500]
        case .sentinel: [6379, 6380, 26379, 26380, 26381]
        case .etcd3: [2379, 2381, 2383]
        }
    }

    /// What stands in a request that publishes, and in no other.
    var publicationWords: [String] {
        let key = "sluice/sluice/current"
        return server.hasPrefix("etcd") ? [Data(key.utf8).base64EncodedString(), "equestPut"] : [key]
    }

    /// `coordination`, with a short lease: `host` is where it is reached.
    func settings(at host: String, candidate: Bool) -> String {
        let times = "candidate: \(candidate), lease: 3s, renew: 2s, retry: 400ms"
        return switch self {
        case .etcd: "{ store: etcd, address: \"http://\(host):2379\", \(times) }"
        case .redis: "{ store: redis, address: \"\(host):6379\", \(times) }"
        case .consul: "{ store: consul, address: \"http://\(host):8500\", \(times) }"
        case .etcd3:
            "{ store: etcd, address: [\(ports.map { "\"http://\(host):\($0)\"" }.joined(separator: ", "))], \(times) }"
        case .sentinel: "{ store: redis, address: \"\(host):26379\", sentinel: fleet, \(times) }"
        }
    }
}

extension Edge {
    /// Writes its document as a member of a fleet.
    func join(_ store: StoreKind, candidate: Bool = true, proxied: Bool = false) throws {
        try configure([])
        let host = proxied ? "127.0.0.1" : FleetLab.router
        let text = try String(contentsOfFile: "\(folder)/sluiced.yaml", encoding: .utf8)
        let lines = [
            "coordination: \(store.settings(at: host, candidate: candidate))",
            "discovery: { consul: { address: \"http://\(FleetLab.router):8500\", quiet: 50ms } }",
        ]
        try write(
            text.replacing("services: services.yaml", with: lines.joined(separator: "\n")), to: "sluiced.yaml")
    }

    /// It sleeps as long as the work takes.
    func stopped<Value>(while work: () async throws -> Value) async throws -> Value {
        guard let process = Int32(try process()) else { throw SystemError("stop \(name)", cause: "no number") }
        Glibc.kill(process, SIGSTOP)
        defer { Glibc.kill(process, SIGCONT) }
        return try await work()
    }

    /// As a machine that starts again: the kernel has forgotten all, the state directory is there.
    func reboot() async throws {
        if isAlive { try await kill() }
        try await Command.run(["rm", "-r", pins])
        try await start()
    }

    /// As a machine that was never part of the fleet.
    func forget() async throws {
        try await kill()
        try await Command.run(["rm", "-r", pins, state])
    }

    // MARK: What is cut

    /// What it sends to the store, and what the store sends to it, is lost on its way.
    func cut(from store: StoreKind) async throws {
        let ports = store.ports.map(String.init).joined(separator: ", ")
        try await lose("ip daddr \(FleetLab.router) tcp dport { \(ports) }")
    }

    /// The other edges and this one do not hear each other any more.
    func cut(from edges: [Edge]) async throws {
        try await lose("ip daddr { \(edges.map { "10.2.0.\(10 + $0.number)" }.joined(separator: ", ")) }")
    }

    /// Its probes get no answer; what it forwards does.
    func cutFromProbes() async throws { try await lose("tcp dport 80") }

    private func lose(_ match: String) async throws {
        let rules =
            "add table inet cut; add chain inet cut out { type filter hook output priority 0; }; "
            + "add rule inet cut out \(match) drop"
        try await Command.run([Lab.tools + "/lab", "--name", lab, "exec", name, "nft", rules])
    }

    func mend() async throws {
        try await Command.run([Lab.tools + "/lab", "--name", lab, "exec", name, "nft", "delete table inet cut"])
    }

    // MARK: A write that is held back

    private var proxy: String { "proxy-\(name)" }
    private var trigger: String { "\(folder)/proxy-hold" }

    /// Between it and the store: passes all on, until it is told to hold a publication back.
    func startProxy(to store: StoreKind) async throws {
        try await Command.run(
            [
                Lab.tools + "/lab", "--name", lab, "start", name, proxy, Lab.tools + "/lab-proxy", "\(store.ports[0])",
                FleetLab.router, "\(store.ports[0])", "--hold", trigger,
            ] + store.publicationWords)
        try await until("the proxy of \(name) listens") { proxyLog().contains("listening") }
    }

    /// The next publication gets half of its way.
    func holdPublication() throws { try "".write(toFile: trigger, atomically: true, encoding: .utf8) }

    func awaitHeldPublication() async throws {
        try await until("a publication of \(name) is held") { proxyLog().contains("held") }
    }

    /// The other half goes, too, and so does all after it.
    func releasePublication() throws { try FileManager.default.removeItem(atPath: trigger) }

    /// What the store said to it.
    func awaitAnswerToPublication() async throws -> String {
        try await until("the store answered what was held") { proxyLog().contains("answered") }
        return proxyLog().split(separator: "\n").filter { $0.hasPrefix("answered") }.joined()
    }

    private func proxyLog() -> String {
        let log = FileManager.default.contents(atPath: "/run/sluice-lab/\(lab)/\(proxy).log")
        return String(decoding: log ?? Data(), as: UTF8.self)
    }
}
