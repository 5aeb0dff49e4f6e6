// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// Hosts of two versions in one fleet: an older one is its report in the store, as it would write it.
@Suite(.serialized, .requiresFleet, .requires("etcdctl"))
struct FleetVersionTests {
    private struct Manifest: Decodable {
        var schema: Int
        var number: UInt64
    }

    /// A tag of an instance is a route, which generations know since schema 2.
    @Test func `while an older host lives the fleet is led in its schema, and in the newer one after it`()
        async throws
    {
        try await FleetLab.tell { fleet in
            let documents = FleetDocuments(fleet)
            var old = try await documents.oldHost(like: fleet.lab.edge, generations: 1)
            try await fleet.register("web1", tag: "urlprefix-/a")
            try await fleet.register("web3")
            try await until("a generation has web3 while the old host lives") {
                try await documents.write(&old)
                let manifest = try await documents.read("current", as: Manifest.self)
                #expect(manifest.schema == 1, "the old host cannot read \(manifest)")
                return try await fleet.lab.edge.backends().values.count { $0.slots > 0 } == 3
            }
            // The leader alone judges by its clock that the old host is silent; routes come without anything else.
            try await until("the old host is waited for no more", within: .seconds(120)) {
                try await documents.read("current", as: Manifest.self).schema == 2
            }
            try await fleet.awaitBackends("web1", "web2", "web3")
        }
    }

    /// What it does not understand it neither obeys nor forgets.
    @Test func `a generation of a newer version is refused in one line, and what runs goes on`() async throws {
        try await FleetLab.tell { fleet in
            let documents = FleetDocuments(fleet)
            let current = try await documents.read("current")
            try await documents.write("current", current.replacing(#""schema":1"#, with: #""schema":9"#))
            for edge in fleet.edges {
                try await fleet.awaitProblem("schema: this version knows schema 1 to", on: edge)
                #expect(try await edge.fleetStatus()?.generation != nil)
            }
            try await documents.write("current", current)
            try await fleet.register("web3")
            try await fleet.awaitBackends("web1", "web2", "web3")
        }
    }
}

/// A fleet's documents in etcd, as anybody with its credentials reads and writes them.
struct FleetDocuments {
    let lab: Lab

    init(_ fleet: FleetLab) { lab = fleet.lab }

    /// Another host that reports as this one does, but for its name and what it reads.
    struct OldHost {
        var name: String
        var report: String
        var beat: UInt64
    }

    func oldHost(like edge: Edge, generations: Int) async throws -> OldHost {
        let report = try await read("host/\(edge.name)")
            .replacing("\"host\":\"\(edge.name)\"", with: "\"host\":\"edge9\"")
            .replacing(#/"generations":\d+/#, with: "\"generations\":\(generations)")
            .replacing(#/"instance":"[0-9a-f]/#, with: "\"instance\":\"0")
        var host = OldHost(name: "edge9", report: report, beat: 1_000)
        try await write(&host)
        return host
    }

    /// It reports once more.
    func write(_ host: inout OldHost) async throws {
        host.beat += 1
        try await write(
            "host/\(host.name)", host.report.replacing(#/"beat":\d+/#, with: "\"beat\":\(host.beat)"))
    }

    func read(_ name: String) async throws -> String {
        let text = try await etcd("get", "--print-value-only", "sluice/sluice/\(name)")
        // etcdctl ends the value with a line's end.
        return text.hasSuffix("\n") ? String(text.dropLast()) : text
    }

    func read<Value: Decodable>(_ name: String, as: Value.Type) async throws -> Value {
        try JSON.read(try await read(name), as: Value.self)
    }

    func write(_ name: String, _ text: String) async throws { _ = try await etcd("put", "sluice/sluice/\(name)", text) }

    private func etcd(_ words: String...) async throws -> String {
        let client = ["env", "ETCDCTL_API=3", "etcdctl", "--endpoints=http://\(FleetLab.router):2379"]
        return try await lab.tool(["exec", "router"] + client + words)
    }
}

extension FleetLab {
    /// With a tag.
    func register(_ web: String, tag: String) async throws {
        let number = web.dropFirst(3)
        let body =
            #"{"ID": "\#(web)", "Name": "web", "Address": "10.3.0.2\#(number)", "Port": 80, "Tags": ["\#(tag)"]}"#
        try await lab.run(
            "router", "curl", "-sSf", "-X", "PUT", "-d", body,
            "http://\(Self.router):8500/v1/agent/service/register")
    }
}
