// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

@testable import HTTP

/// Routes as tests write them: `host path [method] [name=value] [name]`, `*` for any host, `=` before an exact path.
struct RouteTests {
    static func rule(_ text: String, targets: [RouteRule.Target]? = nil, service: Int = 0) -> RouteRule {
        let words = text.split(separator: " ").map(String.init)
        var rule = RouteRule(targets: targets ?? [RouteRule.Target(service: service, weight: 1)])
        if words[0].hasPrefix("*.") {
            rule.host = .under(String(words[0].dropFirst(2)))
        } else if words[0] != "*" {
            rule.host = .exact(words[0])
        }
        rule.path = words[1].hasPrefix("=") ? .exact(String(words[1].dropFirst())) : .prefix(words[1])
        for word in words.dropFirst(2) {
            let parts = word.split(separator: "=", omittingEmptySubsequences: false).map(String.init)
            if word.allSatisfy(\.isUppercase) {
                rule.method = word
            } else {
                rule.headers.append(RouteRule.Header(name: parts[0], value: parts.count > 1 ? parts[1] : nil))
            }
        }
        return rule
    }

    /// The number of the rule that a request goes by.
    static func find(
        _ table: borrowing RouteTable, _ authority: String, _ target: String, _ method: String = "GET",
        _ fields: [String] = []
    ) -> Int? {
        let section = FieldSection(fields)
        let bytes = [authority, target, method].map { Array($0.utf8) }
        return withUnsafeTemporaryAllocation(of: UInt8.self, capacity: target.utf8.count) { scratch in
            bytes[1].withUnsafeBufferPointer { target in
                guard let path = RoutePath.normalised(target, scratch: scratch) else { return nil }
                return bytes[0].withUnsafeBufferPointer { authority in
                    bytes[2].withUnsafeBufferPointer { method in
                        table.rule(authority: authority, path: path, method: method, section)
                            .map { table.number(of: $0) }
                    }
                }
            }
        }
    }

    static let rules = [
        "* /", "example.org /", "example.org /api/", "example.org /api/v1/", "example.org =/api/v1/x",
        "example.org /api", "*.example.org /", "*.a.example.org /only/", "example.org /api/ POST",
        "example.org /api/ x-kind=beta", "example.org /api/ POST x-kind=beta accept", "[::1] /",
    ]

    static let requests: [(String, String, String, [String], Int)] = [
        ("other.org", "/x", "GET", [], 0),
        ("example.org", "/x", "GET", [], 1),
        ("EXAMPLE.org:8443", "/x", "GET", [], 1),
        ("example.org.", "/x", "GET", [], 1),
        ("example.org", "/api/x", "GET", [], 2),
        ("example.org", "/api/v1/y", "GET", [], 3),
        ("example.org", "/api/v1/x", "GET", [], 4),
        ("example.org", "/api/v1/x?a=/api", "GET", [], 4),
        ("example.org", "/api", "GET", [], 5),
        ("example.org", "/apis", "GET", [], 1),
        ("example.org", "/api/", "GET", [], 2),
        ("example.org", "//api//x", "GET", [], 2),
        ("example.org", "/y/../api/./x", "GET", [], 2),
        ("example.org", "/%61pi/x", "GET", [], 2),
        ("example.org", "/api%2fx", "GET", [], 1),
        ("example.org", "/api/%2e%2e/x", "GET", [], 1),
        ("b.example.org", "/x", "GET", [], 6),
        ("c.b.example.org", "/x", "GET", [], 6),
        ("b.a.example.org", "/only/x", "GET", [], 7),
        ("b.a.example.org", "/x", "GET", [], 6),
        ("xexample.org", "/x", "GET", [], 0),
        ("example.org", "/api/x", "POST", [], 8),
        ("example.org", "/api/x", "PUT", ["x-kind: beta"], 9),
        ("example.org", "/api/x", "POST", ["x-kind: beta"], 8),
        ("example.org", "/api/x", "POST", ["x-kind: beta", "accept: a"], 10),
        ("example.org", "/api/x", "GET", ["x-kind: gamma"], 2),
        ("[::1]:80", "/x", "GET", [], 11),
        ("", "/x", "GET", [], 0),
    ]

    @Test(arguments: requests)
    func `the most particular rule that fits decides`(
        authority: String, target: String, method: String, fields: [String], expected: Int
    ) {
        let table = RouteTable(Self.rules.map { Self.rule($0) })
        #expect(Self.find(table, authority, target, method, fields) == expected)
    }

    @Test func `without a rule for any host there may be none`() {
        let table = RouteTable([Self.rule("a.example /x/")])
        #expect(Self.find(table, "a.example", "/y") == nil)
        #expect(Self.find(table, "b.example", "/x/") == nil)
        #expect(Self.find(RouteTable([]), "a", "/") == nil)
    }

    @Test func `two rules that are the same are found, and the first one counts`() {
        let rules = ["a /x", "a /x GET", "a /x b=c d", "a /x d b=c", "a =/x", "a /x GET"].map { Self.rule($0) }
        #expect(RouteRule.duplicates(in: rules).map { [$0.first, $0.again] } == [[2, 3], [1, 5]])
        let table = RouteTable(rules)
        #expect(Self.find(table, "a", "/x/y", "GET") == 1)
    }

    @Test func `weights share requests as they say`() {
        let targets = [(0, 70), (1, 0), (2, 30)].map { RouteRule.Target(service: $0.0, weight: UInt32($0.1)) }
        let table = RouteTable([Self.rule("* /", targets: targets)])
        var random = SplitMix(for: "route weights")
        var counts = [0, 0, 0]
        for _ in 0..<10_000 { counts[table.service(of: 0, hash: random.next()) ?? 1] += 1 }
        #expect(counts[1] == 0)
        #expect((6800...7200).contains(counts[0]), "seed \(random.seed)")
        #expect(table.service(of: 0, hash: 0) == 0 && table.service(of: 0, hash: .max) == 2)
    }

    @Test func `a rule whose weights are all 0 has no service`() {
        let table = RouteTable([Self.rule("* /", targets: [RouteRule.Target(service: 0, weight: 0)])])
        #expect(table.service(of: 0, hash: 1) == nil)
    }

    @Test func `of a thousand hosts with ten prefixes each the right one is found`() {
        let rules = (0..<10_000).map { Self.rule("h\($0 / 10).example /p\($0 % 10)/") }
        let table = RouteTable(rules)
        for number in stride(from: 0, to: 10_000, by: 7) {
            let found = Self.find(table, "h\(number / 10).example", "/p\(number % 10)/x")
            if found != number { Issue.record("\(String(describing: found)) for \(number)") }
        }
    }

    static let paths: [(String, String?)] = [
        ("/", "/"), ("/a?b//c", "/a"), ("/a//b", "/a/b"), ("//", "/"), ("/.", "/"), ("/..", "/"), ("/a/.", "/a/"),
        ("/a/..", "/"), ("/a/b/..", "/a/"), ("/a/../../b", "/b"), ("/a/./b", "/a/b"), ("/.a", "/.a"),
        ("/a/...", "/a/..."),
        ("/%7Ea", "/~a"), ("/%2fa", "/%2Fa"), ("/%25", "/%25"), ("/%2e%2E/b", "/b"), ("/a%", nil), ("/a%2", nil),
        ("/a%zz", nil), ("/a/..//..///b/", "/b/"), ("*", "*"), ("/a/", "/a/"),
    ]

    @Test(arguments: paths)
    func `paths that mean the same are the same`(target: String, expected: String?) {
        let bytes = Array(target.utf8)
        let path = withUnsafeTemporaryAllocation(of: UInt8.self, capacity: bytes.count) { scratch in
            bytes.withUnsafeBufferPointer { target in
                RoutePath.normalised(target, scratch: scratch).map { String(decoding: $0, as: UTF8.self) }
            }
        }
        #expect(path == expected)
    }
}
