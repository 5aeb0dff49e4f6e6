// SPDX-License-Identifier: Apache-2.0

import ConsulAPI
import Discovery
import Model
import Testing

@Suite struct RouteTests {
    /// `host path :port a=1 b=` of each route that these tags make.
    private func routes(_ tags: [String], meta: [String: String] = [:]) throws -> [String] {
        ServiceReading([try entry(tags: tags, meta: meta)]).routes.map { route in
            let options = route.options.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
            return ([route.host, route.path, route.port.map { ":\($0)" } ?? ""] + options).joined(separator: " ")
        }
    }

    private func problems(_ tags: [String], meta: [String: String] = [:]) throws -> [String] {
        ServiceReading([try entry(tags: tags, meta: meta)]).problems.map(\.description)
    }

    @Test(arguments: [
        ("urlprefix-/", " / "), ("urlprefix-/api", " /api "), ("urlprefix-Example.COM/A", "example.com /A "),
        ("urlprefix-example.com:8443/", "example.com:8443 / "), ("urlprefix-*.example.com/", "*.example.com / "),
        ("urlprefix-/x strip=/x proto=https", " /x  proto=https strip=/x"),
        ("urlprefix-/x  tlsskipverify=true flag", " /x  flag= tlsskipverify=true"),
        ("urlprefix-:3306 proto=tcp", "  :3306 proto=tcp"),
        ("urlprefix-/r redirect=301,https://a/b?c=d", " /r  redirect=301,https://a/b?c=d"),
        ("sluice.route=example.org/api/ timeout=15s", "example.org /api/  timeout=15s"),
    ]) func `a tag is a route`(tag: String, expected: String) throws {
        #expect(try routes([tag]) == [expected])
    }

    @Test(arguments: [
        ("urlprefix-", "neither host nor path"), ("urlprefix-example.com", "no path: HOST/PATH or /PATH is expected"),
        ("urlprefix-:0", "0 is no port"), ("urlprefix-:x", "x is no port"),
        ("urlprefix-a b/c", "no path: HOST/PATH or /PATH is expected"),
        ("urlprefix-a..b/", "a..b is no host"), ("urlprefix-a_ü/", "a_ü is no host"),
        ("urlprefix-/a?b", "/a?b is no path"),
        ("urlprefix-/ a=1 a=2", "option a is there twice"), ("urlprefix-/ =2", "option =2 has no name"),
        ("sluice.route", "no value: sluice.KEY=VALUE is expected"),
        ("sluice.rout=/", "unknown key rout: route, timeout and retries are known"),
    ]) func `a bad tag is named with its place`(tag: String, message: String) throws {
        #expect(try problems([tag, "urlprefix-/good"]) == ["instance n1/w1: tag \(tag): \(message)"])
        #expect(try routes([tag, "urlprefix-/good"]) == [" /good "])
    }

    @Test func `metadata says the same with a hyphen`() throws {
        let meta = ["sluice-route": "a.example/", "sluice-route-two": "/two", "sluice-retries": "2", "other": "x"]
        #expect(try routes([], meta: meta) == [" /two  retries=2", "a.example /  retries=2"])
        #expect(try problems([], meta: meta).isEmpty)
    }

    @Test func `equal routes of several instances are one`() throws {
        let found = ServiceReading([
            try entry(id: "a", tags: ["urlprefix-/x"]), try entry(id: "b", tags: ["urlprefix-/x", "urlprefix-/y"]),
        ])
        #expect(found.routes.map(\.path) == ["/x", "/y"])
        #expect(found.routes.map(\.instances) == [["n1/a", "n1/b"], ["n1/b"]])
    }

    @Test func `other tags say nothing`() throws {
        #expect(try routes(["v1", "traefik.enable=true"]).isEmpty)
        #expect(try problems(["v1", "traefik.enable=true"]).isEmpty)
    }
}
