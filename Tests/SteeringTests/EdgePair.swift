// SPDX-License-Identifier: Apache-2.0

import Model
import TestSupport

@testable import Dataplane

/// Edges with one generation, each with half of the flows, until a route is withdrawn and one has the flows of another.
final class EdgePair {
    struct Outcome: CustomStringConvertible {
        /// Flows that came to another edge, and those that broke there, by whether they began before the last change.
        var moved = 0
        var old = 0
        var new = 0
        /// Of the old ones: those whose slot had settled on the other edge alone.
        var settledThere = 0
        /// Of the new ones: those whose slot the change had not moved there.
        var unmoved = 0
        var kept: Int { moved - old - new }

        var description: String {
            "\(moved) flows came to another edge, \(kept) went on; broken: \(old) begun before the change "
                + "(\(settledThere) in slots that had settled there alone), \(new) begun since"
        }
    }

    private(set) var edges: [Edge]
    private var world: World
    private var flows: [(flow: SimulatedFlow, edge: Int)] = []
    private var time = 0.0
    /// Flows from this number on began after the last change.
    private var firstNew = 0
    private var random: SplitMix

    init(seed: UInt64) throws {
        edges = [try Edge(), try Edge()]
        world = try World(seed: seed)
        random = SplitMix(seed: seed)
        try publish(settled: [])
    }

    private func publish(settled: Set<String>) throws {
        guard let next = try world.publish(settled: settled, at: time) else { return }
        for edge in edges {
            try edge.apply(next)
            try edge.finish()
        }
    }

    func change(_ change: Change) throws {
        try world.make(change, at: time)
        try publish(settled: [])
        firstNew = flows.count
    }

    /// A host that never saw an earlier generation.
    func join() throws {
        let edge = try Edge()
        if let generation = world.generation { try edge.apply(generation) }
        try edge.finish()
        edges.append(edge)
    }

    /// Connections of all services, by turns on the first two edges.
    func begin(_ count: Int, on edge: Int? = nil) throws {
        for _ in 0..<count {
            let number = flows.count
            let port = UInt16.random(in: 1024 ... .max, using: &random)
            var flow = SimulatedFlow(of: world, site: number / 2 % 4, client: number, port: port)
            let edge = edge ?? number % 2
            for segment in flow.isTCP ? [Segment.syn, .ack] : [.datagram] {
                let answer = try edges[edge].send(flow.frame(segment))
                if flow.backend == 0 { flow.backend = answer }
                guard answer != 0, answer == flow.backend else { throw Unusable(what: "a flow that breaks at once") }
            }
            flows.append((flow, edge))
        }
    }

    /// Every flow sends a packet; throws where one breaks on its own edge.
    func exchange() throws {
        for index in flows.indices {
            let answer = try edges[flows[index].edge].send(flows[index].flow.frame(.ack))
            guard answer == flows[index].flow.backend else { throw Unusable(what: "a flow that breaks on its edge") }
        }
    }

    /// Lets time pass in which every flow goes on.
    func goOn(units: Int) throws {
        for _ in 0..<units {
            try exchange()
            try pass()
        }
    }

    private func pass() throws {
        for edge in edges { try edge.pass(units: 1) }
        time += Double(Schedule.tick)
    }

    func settle() throws -> [Set<String>] { try edges.map { try $0.settle() } }

    /// Ends the flows whose backend is not their slot's any more, and goes on until every host reports every service
    /// settled and the generation says so.
    func settleFleet() throws {
        flows = try flows.filter { flow, edge in
            let (word, service) = try word(of: flow, on: edge)
            return service.backends.contains { $0.id.rawValue == word.current && $0.backend.number == flow.backend }
        }
        firstNew = flows.count
        let all = Set(world.sites.map(\.service.name))
        for _ in 0..<10 {
            try goOn(units: 1)
            if try settle().allSatisfy({ $0 == all }) {
                try publish(settled: all)
                return
            }
        }
        throw Unusable(what: "a fleet that does not settle")
    }

    /// All flows of one edge come to another one.
    func withdraw(_ edge: Int, to other: Int) throws -> Outcome {
        var outcome = Outcome()
        for index in flows.indices where flows[index].edge == edge {
            outcome.moved += 1
            flows[index].edge = other
            let answer = try edges[other].send(flows[index].flow.frame(flows[index].flow.isTCP ? .ack : .datagram))
            guard answer != flows[index].flow.backend else { continue }
            let (word, _) = try word(of: flows[index].flow, on: other)
            if index < firstNew {
                outcome.old += 1
                if !word.isUnsettled { outcome.settledThere += 1 }
            } else {
                outcome.new += 1
                if word.current == word.previous { outcome.unmoved += 1 }
            }
        }
        return outcome
    }

    private func word(of flow: SimulatedFlow, on edge: Int) throws -> (word: SlotWord, service: PlacedService) {
        guard let generation = edges[edge].generation,
            let service = generation.services.named(world.sites[flow.site].service.name)
        else { throw Unusable(what: "an edge without the service") }
        return (try edges[edge].word(of: flow.key(in: service, seed: generation.seed), in: service), service)
    }
}
