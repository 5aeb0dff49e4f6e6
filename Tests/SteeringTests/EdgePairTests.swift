// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

extension SteeringTests {
    /// Edges that share a generation and nothing else.
    struct EdgePairTests {
        private let pair: EdgePair
        private let count = SteeringTests.flows / 10

        init() throws { pair = try EdgePair(seed: SteeringTests.seed) }

        @Test func `in a settled fleet no flow breaks that comes to another edge`() throws {
            try pair.begin(count)
            for change in [Change.weights, .add("i"), .weights, .remove("b")] {
                try pair.change(change)
                try pair.begin(count / 4)
            }
            try pair.settleFleet()
            try pair.begin(count / 4)
            let outcome = try pair.withdraw(1, to: 0)
            print("steering: settled fleet: \(outcome)")
            #expect(outcome.moved > count / 2)
            #expect(outcome.old + outcome.new == 0)
            try pair.join()
            let joined = try pair.withdraw(0, to: 2)
            print("steering: settled fleet, to an edge that has just joined: \(joined)")
            #expect(joined.moved > count && joined.old + joined.new == 0)
        }

        @Test func `in an unsettled fleet flows break that began since the change, in slots that it moved`() throws {
            try pair.begin(count)
            for change in [Change.weights, .remove("b"), .weights, .add("i")] { try pair.change(change) }
            try pair.begin(count)
            try pair.exchange()
            let outcome = try pair.withdraw(1, to: 0)
            print("steering: unsettled fleet: \(outcome)")
            #expect(outcome.old == 0)
            #expect(outcome.new > 0 && outcome.unmoved == 0)
        }

        @Test func `flows older than the change go on at an edge that has just joined`() throws {
            try pair.begin(count)
            for change in [Change.weights, .remove("b"), .weights, .add("i")] { try pair.change(change) }
            try pair.join()
            let outcome = try pair.withdraw(1, to: 2)
            print("steering: unsettled fleet, to an edge that has just joined: \(outcome)")
            #expect(outcome.moved == count / 2 && outcome.old == 0)
        }

        @Test func `older flows break at an edge where nobody used their slot, and it has settled alone`() throws {
            try pair.begin(count / 5, on: 1)
            try pair.change(.weights)
            try pair.goOn(units: 8)
            let settled = try pair.settle()
            #expect(settled[0].count > settled[1].count)
            let outcome = try pair.withdraw(1, to: 0)
            print("steering: settled on one edge alone: \(outcome)")
            #expect(outcome.old > 0 && outcome.old == outcome.settledThere)
        }
    }
}
