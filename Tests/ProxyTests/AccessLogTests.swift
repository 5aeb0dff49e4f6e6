// SPDX-License-Identifier: Apache-2.0

import EventLoop
import Foundation
import Glibc
import HTTP
import TestSupport
import Testing

/// Access logs of a proxy with real clients.
@Suite(.requires("curl"))
struct AccessLogTests {
    /// Runs requests against a proxy that logs to a file, and answers the lines.
    private static func lines(
        backends: [UInt16], file: String? = nil, _ body: (Fixture) throws -> Void
    ) async throws -> (lines: [[String: Any]], lost: UInt64) {
        let directory = try TemporaryDirectory()
        let path = file ?? directory.path + "/access.json"
        let proxy = try await Fixture(backends: backends) { $0.services[0].backends[0].name = "a" }
        let writer = try EventLoop.start(name: "log")
        let descriptor = open(path, O_WRONLY | O_APPEND | O_CREAT, 0o600)
        try await proxy.worker.log(descriptor, writer)
        try body(proxy)
        let deadline = ContinuousClock.now + .seconds(30)
        while await !proxy.worker.isLogWritten, ContinuousClock.now < deadline {
            try await Task.sleep(for: .milliseconds(5))
        }
        let lost = await proxy.worker.traffic.linesLost
        await proxy.end()
        writer.stop()
        let text = file == nil ? try String(contentsOfFile: path, encoding: .utf8) : ""
        let lines = try text.split(separator: "\n").map {
            try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any] ?? [:]
        }
        return (lines, lost)
    }

    @Test func `a request's line says what was asked, who answered, and how long it took`() async throws {
        let server = try ScriptedHTTPServer { _ in .answer(body: "hello") }
        defer { server.stop() }
        let lines = try await Self.lines(backends: [server.port]) { proxy in
            _ = try proxy.curl("/a?b=\"c\"", "--globoff -A me -H 'Host: example.org' -d four")
        }.lines
        #expect(lines.map { $0["protocol"] as? String } == ["HTTP/1.1", "HTTP/2"])
        for line in lines {
            let texts = line.compactMapValues { $0 as? String }
            #expect(texts["method"] == "POST" && texts["authority"] == "example.org" && texts["user_agent"] == "me")
            #expect(texts["path"]?.hasPrefix("/a?b=") == true && texts["listener"] == "front")
            #expect(texts["route"] == "*/" && texts["service"] == "web" && texts["backend"] == "a")
            #expect(texts["reason"] == "finished" && texts["client"]?.hasPrefix("127.0.0.1:") == true)
            #expect(texts["time"]?.hasSuffix("Z") == true && texts["time"]?.count == 24)
            let numbers = line.compactMapValues { $0 as? Double }
            #expect(numbers["status"] == 200 && numbers["bytes_in"] == 4 && numbers["bytes_out"] == 5)
            #expect((numbers["duration_ms"] ?? -1) >= (numbers["upstream_ms"] ?? 0))
        }
    }

    @Test func `a request that no backend answered says why`() async throws {
        let lines = try await Self.lines(backends: [1]) { _ = try $0.curl("/") }.lines
        #expect(lines.map { $0["reason"] as? String } == ["connectRefused", "connectRefused"])
        #expect(lines.allSatisfy { $0["upstream_ms"] is NSNull && $0["status"] as? Int == 502 })
    }

    @Test func `what is no request has a line without its head`() async throws {
        let lines = try await Self.lines(backends: [1]) { proxy in
            let client = try PlainSocket(port: proxy.port)
            client.write("no request\r\n\r\n")
            _ = client.read()
        }.lines
        #expect(lines.map { $0["status"] as? Int } == [400] && lines.allSatisfy { $0["method"] is NSNull })
    }

    @Test func `a full disk loses lines and no request`() async throws {
        let server = try ScriptedHTTPServer { _ in .answer(body: "hello") }
        defer { server.stop() }
        var answers: [String] = []
        let lost = try await Self.lines(backends: [server.port], file: "/dev/full") { answers = try $0.curl("/") }.lost
        #expect(answers == ["hello", "hello"] && lost == 2)
    }
}

extension ProxyWorker {
    fileprivate func log(_ file: Int32, _ writer: EventLoop) throws {
        try log(to: AccessLog(of: "front", to: Descriptor(adopting: file), writer: writer))
    }
}
