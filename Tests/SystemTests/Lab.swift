// SPDX-License-Identifier: Apache-2.0

import Foundation
import Synchronization
import TestSupport

/// Hosts of one story: namespaces that `tools/lab` made, with the programs under test in the edges.
final class Lab: Sendable {
    /// The VIPs that the router sends to the edges and the web servers answer for.
    static let vip = "10.9.9.9"
    static let vip6 = "2001:db8:9::9"
    static let client = "198.51.100.7"

    let name: String
    let backends: Int
    let edges: [Edge]

    /// Files of this lab: logs as `<word>.log`, a folder a node.
    var folder: String { "/run/sluice-lab/\(name)" }

    private init(name: String, edges: Int, backends: Int) {
        self.name = name
        self.backends = backends
        self.edges = (1...edges).map { Edge(lab: name, number: $0) }
    }

    /// The first edge; most labs have no other.
    var edge: Edge { edges[0] }

    /// Builds a lab, tells the story in it, and takes it away, whatever happened. Two labs at a time, at most.
    ///
    /// - Parameters:
    ///   - fabric: `routed`, `flat` or `two-armed`, as `tools/lab --help` has them.
    ///   - inTurn: false for the one story that does nothing but wait nearly all its time: it begins at once.
    static func with<Value: Sendable>(
        edges: Int = 1, backends: Int = 3, fabric: String = "routed", fabricMTU: Int = 1600,
        inTurn: Bool = true, _ story: (Lab) async throws -> Value
    ) async throws -> Value {
        try await place(inTurn: inTurn) { name in
            try await Lab(name: name, edges: edges, backends: backends).tell(fabric, fabricMTU, story)
        }
    }

    /// Waits for a place, and gives it a name of its own, for a lab that somebody else builds and takes away.
    static func place<Value: Sendable>(inTurn: Bool = true, _ story: (String) async throws -> Value) async throws
        -> Value
    {
        if inTurn { await places.enter() }
        let number = numbers.wrappingAdd(1, ordering: .relaxed).newValue
        do {
            if number == 1 { try await removeLeftovers() }
            let value = try await story("sl\(getpid())-\(number)")
            if inTurn { await places.leave() }
            return value
        } catch {
            if inTurn { await places.leave() }
            throw error
        }
    }

    private static let numbers = Atomic<Int>(0)
    private static let places = Places(2)

    private func tell<Value: Sendable>(
        _ fabric: String, _ fabricMTU: Int, _ story: (Lab) async throws -> Value
    ) async throws -> Value {
        try await tool(
            [
                "up", "--edges", "\(edges.count)", "--backends", "\(backends)", "--fabric", fabric,
                "--fabric-mtu", "\(fabricMTU)",
            ])
        do {
            let value = try await story(self)
            try await tool(["down"])
            return value
        } catch {
            var said = "\(error); the daemons' last words:"
            for edge in edges { said += "\n\(edge.name): \(edge.lastWords)" }
            do { try await tool(["down"]) } catch { said += "\nand the lab is not gone: \(error)" }
            throw SystemError("story in \(name)", cause: said)
        }
    }

    /// Labs of a test process that was killed.
    private static func removeLeftovers() async throws {
        let root = "/run/sluice-lab"
        guard FileManager.default.fileExists(atPath: root) else { return }
        for name in try FileManager.default.contentsOfDirectory(atPath: root) where name.hasPrefix("sl") {
            guard let process = Int32(name.dropFirst(2).prefix { $0 != "-" }), kill(process, 0) != 0 else { continue }
            // Another test process may be at it, too: who comes second finds less to remove.
            _ = try await Command.output([tools + "/lab", "--name", name, "down"])
        }
    }

    // MARK: Hosts

    /// Runs a program in a node's network namespace; it must succeed.
    @discardableResult
    func run(_ node: String, _ arguments: String..., within seconds: Int = 60) async throws -> String {
        try await tool(["exec", node] + arguments, within: seconds)
    }

    /// Starts a program in a node, in the background; the word names it and its log.
    func start(_ node: String, _ word: String, _ arguments: [String]) async throws {
        try await tool(["start", node, word] + arguments)
    }

    /// Ends a program by its word, and waits until it has ended.
    func stop(_ word: String, _ signal: String = "TERM") async throws { try await tool(["stop", word, signal]) }

    /// What a program in the background said so far; nothing before it has begun.
    func log(_ word: String) throws -> String {
        let file = "\(folder)/\(word).log"
        return FileManager.default.fileExists(atPath: file) ? try String(contentsOfFile: file, encoding: .utf8) : ""
    }

    /// The router sends the VIPs to these edges only.
    func route(to edges: Edge...) async throws { try await tool(["route"] + edges.map(\.name)) }

    /// Makes a backend's `/healthz` answer 200 or 404; its nginx lives on.
    func healthz(_ node: String, answers: Bool) throws {
        let file = "\(folder)/\(node)/healthz"
        if answers {
            try "\(node)\n".write(toFile: file, atomically: true, encoding: .utf8)
        } else {
            try FileManager.default.removeItem(atPath: file)
        }
    }

    @discardableResult
    func tool(_ arguments: [String], within seconds: Int = 60) async throws -> String {
        try await Command.run([Lab.tools + "/lab", "--name", name] + arguments, within: seconds)
    }

    static let tools = RepositoryRoot.path + "/tools"

    /// Where the programs under test lie: beside the tests, unless `SLUICE_PRODUCTS` says otherwise.
    static let products: String = {
        let told = ProcessInfo.processInfo.environment["SLUICE_PRODUCTS"]
        let beside = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent().path
        return told ?? beside
    }()
}

/// How many labs may stand at once; more wait their turn.
private actor Places {
    private var free: Int
    private var waiting: [CheckedContinuation<Void, Never>] = []

    init(_ count: Int) { free = count }

    func enter() async {
        guard free == 0 else {
            free -= 1
            return
        }
        await withCheckedContinuation { waiting.append($0) }
    }

    func leave() {
        if waiting.isEmpty { free += 1 } else { waiting.removeFirst().resume() }
    }
}
