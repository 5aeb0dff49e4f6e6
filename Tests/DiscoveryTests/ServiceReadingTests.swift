// SPDX-License-Identifier: Apache-2.0

import ConsulAPI
import Discovery
import Model
import Testing

/// What Consul's answer becomes.
@Suite struct ServiceReadingTests {
    @Test(arguments: [
        ([], "w4 active"), ([("serfHealth", "passing")], "w4 active"),
        ([("serfHealth", "passing"), ("c", "warning")], "w2 active"),
        ([("serfHealth", "critical"), ("c", "passing")], "w0 out"), ([("c", "warning"), ("d", "critical")], "w0 out"),
        ([("c", "nonsense")], "w0 out"), ([("_node_maintenance", "critical")], "w4 draining"),
        ([("_service_maintenance:w1", "critical"), ("c", "critical")], "w4 draining"),
        ([("_service_maintenance:w2", "critical")], "w0 out"),
    ]) func `checks decide state and weight`(checks: [(String, String)], expected: String) throws {
        let reading = ServiceReading([try entry(weights: (4, 2), checks: checks)])
        #expect(reading.instances.map(notation) == ["n1/w1 10.0.0.1:80 \(expected)"])
    }

    @Test(arguments: [
        ("", nil, "10.0.0.1:80"), ("10.9.9.9", nil, "10.9.9.9:80"), ("10.9.9.9", "lan", "10.7.7.7:8080"),
        ("10.9.9.9", "wan", "10.9.9.9:80"), ("", "wan", "203.0.113.9:80"), ("", "none", "10.0.0.1:80"),
    ]) func `the service's address stands before the node's`(
        address: String, preferred: String?, expected: String
    ) throws {
        let found = ServiceReading([try entry(address: address, tagged: ["lan": "10.7.7.7"])], taggedAddress: preferred)
        #expect(found.instances.map(notation) == ["n1/w1 \(expected) w1 active"])
    }

    @Test func `instances are ordered by node and id, however they come`() throws {
        let entries = try [
            entry(node: "n2", id: "a"), entry(node: "n1", id: "b"), entry(node: "n10", id: "a"), entry(id: "a"),
        ]
        let names = ["n1/a", "n1/b", "n10/a", "n2/a"]
        #expect(ServiceReading(entries).instances.map(\.name) == names)
        #expect(ServiceReading(entries) == ServiceReading(entries.reversed()))
    }

    @Test func `the same id on two nodes is two instances`() throws {
        #expect(ServiceReading([try entry(node: "n1"), try entry(node: "n2")]).instances.count == 2)
    }

    @Test func `one bad entry is named and the others stand`() throws {
        let reading = ServiceReading([
            try entry(id: "a", address: "db.internal"), try entry(id: "b", port: 70000), try entry(id: "c"),
            try entry(id: "c"), try entry(id: "d", weights: (2_000_000, 1)),
        ])
        #expect(reading.instances.map(\.name) == ["n1/c"])
        #expect(
            reading.problems.map(\.description) == [
                "instance n1/a: \"db.internal\" is no IP address", "instance n1/b: port 70000 is not in 0...65535",
                "instance n1/c: it is there twice", "instance n1/d: weight 2000000 is not in 0...1000000",
            ])
    }
}
