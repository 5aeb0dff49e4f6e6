// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

extension SteeringTests {
    /// Each CPU keeps the time that it last read.
    @Test func `a handshake goes on at a CPU whose clock is behind that of the CPU that had the SYN`() throws {
        let edge = try Edge()
        var world = try World(seed: Self.seed)
        for change in [nil, Change.weights] {
            if let change { try world.make(change, at: 0) }
            let generation = try #require(try world.publish(settled: [], at: 0))
            try edge.apply(generation)
            try edge.finish()
        }
        var flows = (0..<1000).map { SimulatedFlow(of: world, site: $0 % 2, client: $0, port: 1024) }
        for index in flows.indices { flows[index].backend = try edge.send(flows[index].frame(.syn)) }
        #expect(try edge.records().all > 0)
        // The age counts steps of eight seconds: seen from before the step, records come from the next one.
        try edge.ageRecords(units: -1)
        let broken = try flows.indices.filter { try edge.send(flows[$0].frame(.ack)) != flows[$0].backend }
        #expect(broken.count == 0)
    }
}
