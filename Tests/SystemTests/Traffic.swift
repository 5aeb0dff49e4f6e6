// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport

/// What `tools/lab-traffic` counted.
struct Tally: Decodable, Sendable, CustomStringConvertible {
    var requests: Int
    var failed: Int
    /// Failures by cause.
    var reasons: [String: Int]
    /// The first thousand failures. A port of 0 is not known.
    var failures: [Failure] = []
    /// Answers by backend.
    var backends: [String: Int]
    /// Seconds from a connect to its answer, of `requests`.
    var slowest: Double?
    /// Of connections that were held.
    var connections: Int?
    var kept: Int?
    var broken: [String: Int]?
    /// Connections by the backend that each had first.
    var homes: [String: Int]?

    struct Failure: Decodable, Sendable {
        /// Seconds since 1970.
        var at: Double
        var port: UInt16
        var reason: String
    }

    var description: String {
        let held = connections.map { ", \(kept ?? 0) of \($0) connections kept, broken \(broken ?? [:])" } ?? ""
        return "\(requests) requests, \(failed) failed \(reasons)\(held), answered by \(backends)"
    }
}

/// Traffic in the background.
struct Traffic: Sendable {
    let lab: Lab
    let word: String

    /// Ends it and answers what it counted.
    func finish() async throws -> Tally {
        try await lab.stop(word)
        guard let line = try lab.log(word).split(separator: "\n").last else {
            throw SystemError("read the result of \(word)", cause: "it said nothing")
        }
        return try JSON.read(line, as: Tally.self)
    }
}

extension Lab {
    private static let script = tools + "/lab-traffic"

    /// Sends so many requests, each a connection of its own, and waits for the answers. Failures are counted.
    func requests(_ count: Int, to vip: String = Lab.vip, concurrency: Int = 16) async throws -> Tally {
        let output = try await Command.output(
            [
                Lab.tools + "/lab", "--name", name, "exec", "client", Self.script, "requests", vip, "--count",
                "\(count)",
                "--concurrency", "\(concurrency)",
            ], within: 120)
        guard let line = output.text.split(separator: "\n").last else {
            throw SystemError("send requests", cause: output.errors)
        }
        return try JSON.read(line, as: Tally.self)
    }

    /// Requests that go on until `finish`; each may take `timeout` seconds.
    func stream(
        _ word: String = "stream", to vip: String = Lab.vip, concurrency: Int = 4, pause: Double = 0.01,
        timeout: Double = 10
    ) async throws -> Traffic {
        try await start(
            "client", word,
            [
                Self.script, "requests", vip, "--concurrency", "\(concurrency)", "--pause", "\(pause)", "--timeout",
                "\(timeout)",
            ])
        return Traffic(lab: self, word: word)
    }

    /// Connections that stay open, each with a request every `pause` seconds; waits until all are there.
    func hold(
        _ connections: Int, _ word: String = "hold", to vip: String = Lab.vip, pause: Double = 1
    ) async throws -> Traffic {
        try await start(
            "client", word,
            [Self.script, "hold", vip, "--connections", "\(connections)", "--pause", "\(pause)"])
        try await until("\(connections) connections are open", within: .seconds(60)) {
            try log(word).contains("holding ")
        }
        guard try log(word).contains("holding \(connections)\n") else {
            throw SystemError("hold \(connections) connections", cause: try log(word))
        }
        return Traffic(lab: self, word: word)
    }
}
