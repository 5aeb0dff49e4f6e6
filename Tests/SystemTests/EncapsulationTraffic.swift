// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport

/// What goes from the client to a VIP and back, checked byte by byte.
extension Lab {
    private static let script = tools + "/lab-traffic"

    /// The file that each web server offers as `/100MB`.
    var bulkFile: String { "/var/tmp/sluice-lab-\(name)/100MB" }

    /// The SHA-256 of the first bytes of the bulk file.
    func digest(ofFirst bytes: Int) async throws -> String {
        try await shell("head -c \(bytes) \(bulkFile) | sha256sum | cut -d' ' -f1")
    }

    /// Downloads the first bytes of the bulk file, and answers the SHA-256 of what came.
    func download(_ bytes: Int, from vip: String) async throws -> String {
        let url = "http://\(Self.host(vip))/100MB"
        return try await run(
            "client", "/bin/sh", "-c",
            "curl -sS --max-time 30 -r 0-\(bytes - 1) '\(url)' | sha256sum | cut -d' ' -f1"
        ).trimmed
    }

    /// Sends the first bytes of the bulk file, and answers the SHA-256 of what the web server that took them has.
    func upload(_ bytes: Int, to vip: String) async throws -> String {
        let file = "to-\(vip.replacing(":", with: "-"))-\(UInt32.random(in: 0 ... .max))"
        let url = "http://\(Self.host(vip))/upload/\(file)"
        try await run(
            "client", "/bin/sh", "-c",
            "head -c \(bytes) \(bulkFile) | curl -sSf --max-time 30 -T - -o /dev/null '\(url)'")
        return try await shell("cat /var/tmp/sluice-lab-\(name)/web*/upload/\(file) | sha256sum | cut -d' ' -f1")
    }

    /// Sends datagrams to the lab's echo behind a VIP, each from a port of its own. Failures are counted.
    func datagrams(_ count: Int, to vip: String, size: Int = 64) async throws -> Tally {
        let output = try await Command.output(
            [
                Lab.tools + "/lab", "--name", name, "exec", "client", Self.script, "datagrams", vip, "--count",
                "\(count)", "--size", "\(size)",
            ], within: 60)
        guard let line = output.text.split(separator: "\n").last else {
            throw SystemError("send datagrams", cause: output.errors)
        }
        return try JSON.read(line, as: Tally.self)
    }

    /// Requests that nobody is expected to answer, each given up after half a second.
    func vainRequests(_ count: Int, to vip: String) async throws -> Tally {
        let output = try await Command.output(
            [
                Lab.tools + "/lab", "--name", name, "exec", "client", Self.script, "requests", vip, "--count",
                "\(count)", "--timeout", "0.5",
            ], within: 60)
        guard let line = output.text.split(separator: "\n").last else {
            throw SystemError("send requests", cause: output.errors)
        }
        return try JSON.read(line, as: Tally.self)
    }

    /// How many of so many echo requests were answered.
    func pings(_ count: Int, to vip: String) async throws -> Int {
        let output = try await Command.output(
            [
                Lab.tools + "/lab", "--name", name, "exec", "client", "ping", "-c", "\(count)", "-i", "0.05", "-W", "1",
                vip,
            ], within: 30)
        let words = output.text.split(separator: " ")
        guard let place = words.firstIndex(of: "received,"), let received = Int(words[place - 1]) else {
            throw SystemError("ping \(vip)", cause: output.text + output.errors)
        }
        return received
    }

    /// Runs a line of shell on the machine itself, and answers what it printed.
    @discardableResult
    func shell(_ line: String) async throws -> String {
        try await Command.run(["/bin/sh", "-euc", line]).trimmed
    }

    private static func host(_ vip: String) -> String { vip.contains(":") ? "[\(vip)]" : vip }
}

extension String {
    /// Without the line's end.
    var trimmed: String { trimmingCharacters(in: .whitespacesAndNewlines) }
}
