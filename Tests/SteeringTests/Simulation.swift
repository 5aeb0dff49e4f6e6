// SPDX-License-Identifier: Apache-2.0

import CDataplane
import Glibc
import Model
import TestSupport

@testable import Dataplane

/// Flows through one host's program while the fleet changes by the schedule.
final class Simulation {
    private let edge: Edge
    private let cpus: CPUs
    private let count: Int
    /// Settles every slot right after each change, as if there were no tracking.
    private let isDefeated: Bool
    private var world: World
    private var clients: Clients
    private var random: SplitMix
    private var flows: [SimulatedFlow] = []
    private var live: [Int] = []
    /// Flows that are over, by site: their addresses and ports may come again.
    private var ended: [[Int]] = []
    private var tally = Tally()
    private var tick = 0
    private var passed = 0.0
    private var turn = 0
    private var reported: Set<String> = []

    init(flows: Int, seed: UInt64, isDefeated: Bool = false) throws {
        edge = try Edge()
        cpus = try CPUs()
        count = flows
        self.isDefeated = isDefeated
        world = try World(seed: seed)
        clients = Clients(seed: seed)
        random = SplitMix(seed: seed &+ 2)
    }

    func run() throws -> Tally {
        defer { cpus.release() }
        try change()
        try edge.finish()
        while tick < Schedule.ticks {
            try runTick()
            tick += 1
        }
        tally.flows = flows.count
        tally.evicted = try edge.records().evicted
        tally.differences = try edge.differences()
        return tally
    }

    private func now() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9 + passed
    }

    private func runTick() throws {
        begin()
        var phases = plan()
        if tick == 22 || tick == 52 { spoof(&phases) }
        try play(phases[0])
        try play(phases[1])
        try change()
        try play(phases[2])
        try edge.finish()
        if isDefeated { _ = try edge.settle(later: 1 << 20) }
        try play(phases[3])
        try play(phases[4])
        end()
        reported = try edge.settle()
        if isDefeated { reported = [] }
        if tick % 8 == 0 { tally.mostRecords = max(tally.mostRecords, try edge.records().all) }
        try edge.pass(units: 1)
        passed += Double(Schedule.tick)
    }

    /// What has been made of the world by now, as the host sees it.
    private func change() throws {
        let changes = Schedule.changes[tick] ?? []
        if changes.contains(.restart) { try edge.restart() }
        let before = world.generation
        var settled = reported
        for change in changes {
            try world.make(change, at: now())
            if !change.isLocal { try publish(&settled) }
        }
        try publish(&settled)
        guard let generation = world.generation else { return }
        let isNew = generation.number != before?.number
        if isNew || changes.contains(where: \.isLocal) { try edge.apply(generation, down: world.downIDs) }
    }

    private func publish(_ settled: inout Set<String>) throws {
        let old = world.generation
        guard let next = try world.publish(settled: settled, at: now()) else { return }
        tally.generations += 1
        if let old, zip(old.services, next.services).contains(where: { $0.id == $1.id && $0.settled != $1.settled }) {
            tally.settledGenerations += 1
        }
        settled = []
    }
}

// MARK: - Who sends when

extension Simulation {
    /// The flows that begin in this tick.
    private func begin() {
        while ended.count < world.sites.count { ended.append([]) }
        let until = Schedule.ticks - 4
        let due = tick >= until ? count : count * (tick + 1) / until
        while flows.count < due {
            let flow = clients.next(of: world.sites, at: tick) { site in
                ended[site].popLast().map { flows[$0] }
            }
            live.append(flows.count)
            flows.append(flow)
        }
    }

    private func plan() -> [[(flow: Int, segment: Segment)]] {
        var phases = [[(flow: Int, segment: Segment)]](repeating: [], count: 5)
        for index in live {
            let flow = flows[index]
            if flow.begins == tick {
                for (phase, segment) in flow.first { phases[phase].append((index, segment)) }
                if flow.ends == tick, flow.isTCP { phases[4].append((index, .fin)) }
            } else if flow.next == tick {
                let isLast = tick + flow.gap > flow.ends
                let segment: Segment = flow.isTCP ? isLast ? .fin : .ack : .datagram
                phases[Int.random(in: 0..<5, using: &random)].append((index, segment))
                flows[index].next += flow.gap
            }
        }
        return phases
    }

    /// Somebody sends SYNs with the addresses of living flows.
    private func spoof(_ phases: inout [[(flow: Int, segment: Segment)]]) {
        let victims = live.lazy.filter { [self] in
            flows[$0].isTCP && flows[$0].backend != 0 && flows[$0].habit == .long && flows[$0].site == 0
        }
        for index in victims.prefix(200) {
            flows[index].isSpoofed = true
            phases[2].append((index, .syn))
        }
    }

    private func end() {
        live.removeAll { index in
            let flow = flows[index]
            guard flow.isOver || flow.next > flow.ends else { return false }
            flows[index].isOver = true
            ended[flow.site].append(index)
            return true
        }
    }
}

// MARK: - What becomes of it

extension Simulation {
    private func play(_ packets: [(flow: Int, segment: Segment)]) throws {
        try cpus.bind(turn: turn)
        turn += 1
        for (index, segment) in packets where !flows[index].isOver {
            tally.packets += 1
            let answer = try edge.send(flows[index].frame(segment))
            let now = now()
            let isSpoof = flows[index].isSpoofed && segment == .syn && flows[index].begins < tick
            if !isSpoof { try judge(index, segment, answer, now) }
        }
    }

    private func judge(_ index: Int, _ segment: Segment, _ answer: UInt16, _ now: Double) throws {
        let flow = flows[index]
        flows[index].last = now
        if flow.backend == 0, answer != 0 {
            flows[index].backend = answer
            flows[index].begun = now
        } else if answer != flow.backend || answer == 0 {
            flows[index].isOver = true
            let cause = answer == 0 ? Cause.dropped : cause(flow, segment, now)
            let detail = cause == .unexplained || cause == .dropped ? try detail(flow, segment, answer, now) : ""
            tally.add(cause, detail)
        }
    }

    /// The reason in the list of what still breaks.
    private func cause(_ flow: SimulatedFlow, _ segment: Segment, _ now: Double) -> Cause {
        let site = world.sites[flow.site]
        if world.left[flow.backend, default: -.infinity] >= flow.begun { return .deadline }
        if world.rehashed[flow.backend, default: -.infinity] >= flow.begun { return .rehash }
        if site.resized >= flow.last { return .tableSize }
        if flow.isSpoofed { return .spoofed }
        if segment == .syn, site.changed >= flow.begun { return .handshake }
        let silence = now - flow.last
        if silence > Double(World.flowIdle) { return .silent }
        // Both times are cut to seconds.
        if !flow.isTCP, silence > Double(World.udpIdle - 1) { return .silentDatagrams }
        return .unexplained
    }

    private func detail(_ flow: SimulatedFlow, _ segment: Segment, _ answer: UInt16, _ now: Double) throws -> String {
        let site = world.sites[flow.site]
        guard let generation = edge.generation, let service = generation.services.named(site.service.name) else {
            return "no service"
        }
        let key = flow.key(in: service, seed: generation.seed)
        let word = try edge.word(of: key, in: service)
        let names = service.backends.map { "\($0.backend.name)=\($0.id.rawValue)/\($0.backend.number)" }
        return "tick \(tick): \(site.service.name) \(flow.client):\(flow.port) \(flow.habit) \(flow.opening), "
            + "begun in tick \(flow.begins), \(segment) \(now - flow.last) s after its last packet went to \(answer), "
            + "not \(flow.backend); slot current \(word.current) previous \(word.previous) "
            + "\(word.isUnsettled ? "unsettled" : "settled"), \(try edge.record(of: key)); \(names)"
    }
}
