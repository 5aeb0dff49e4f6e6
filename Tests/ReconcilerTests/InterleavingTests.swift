// SPDX-License-Identifier: Apache-2.0

import Model
import TestSupport
import Testing

@testable import Reconciler

/// Whatever comes before what: one publisher an epoch, one digest of a pair, nobody goes back, and in the end all agree.
struct InterleavingTests {
    @Test(arguments: [(false, 200), (true, 1000)])
    func `many interleavings`(adversarial: Bool, count: Int) {
        var seeds = SplitMix(for: adversarial ? "a lock that is everybody's" : "a lock that holds")
        var faults: [String] = []
        for _ in 0..<count where faults.count < 5 {
            let seed = seeds.next()
            let found = Self.story(seed: seed, adversarial: adversarial)
            faults += found.map { "seed \(seed): \($0)" }
        }
        #expect(faults == [])
    }

    static func story(seed: UInt64, adversarial: Bool) -> [String] {
        var random = SplitMix(seed: seed)
        let fleet = ModelFleet("one", "two", "three")
        fleet.apply("a, b | web")
        fleet.store.grantsToEverybody = adversarial
        for _ in 0..<200 { step(fleet, &random) }
        // In the end nothing is wrong any more.
        fleet.store.grantsToEverybody = false
        for host in fleet.hosts {
            host.isCut = false
            host.isPaused = false
            host.settles = true
            if !host.isAlive { host.start(at: fleet.now) }
        }
        fleet.decide(Bool.random(using: &random) ? .confirmed : .rolledBack)
        fleet.tell("x", "y", "z")
        let agreed = fleet.agree(within: .seconds(120))
        var faults = fleet.faults()
        if !agreed {
            let marks = fleet.hosts.map { $0.mark.map { "\($0)" } ?? "nothing" }
            faults.append("they do not agree: \(marks), rollout \(fleet.store.rolloutDocument)")
        }
        return faults
    }

    /// One thing of all that can happen.
    private static func step(_ fleet: ModelFleet, _ random: inout SplitMix) {
        guard let host = fleet.hosts.randomElement(using: &random) else { return }
        switch Int.random(in: 0..<100, using: &random) {
        case 0..<15: fleet.pass(.milliseconds(Int64.random(in: 50...3000, using: &random)))
        case 15..<30: host.stand(&fleet.store, at: fleet.now)
        case 30..<45: host.poll(&fleet.store, at: fleet.now)
        case 45..<55: host.tick(at: fleet.now)
        case 55..<75:
            let isLost = Int.random(in: 0..<10, using: &random) == 0
            host.progress(&fleet.store, at: fleet.now, losingAnswer: isLost)
        case 75..<83: host.report(&fleet.store, at: fleet.now)
        case 83..<87: host.isPaused.toggle()
        case 87..<90: host.isCut.toggle()
        case 90: if host.isAlive { host.kill() } else { host.start(at: fleet.now) }
        default: change(fleet, host, &random)
        }
    }

    private static func change(_ fleet: ModelFleet, _ host: ModelHost, _ random: inout SplitMix) {
        let all = ["a", "b", "c", "d", "e"]
        let some = all.filter { _ in Bool.random(using: &random) }.joined(separator: ", ")
        switch Int.random(in: 0..<7, using: &random) {
        case 0: if fleet.store.rollout?.isOver ?? true { fleet.apply("\(some) | web") }
        case 1: fleet.canary("\(some) | web", on: host.name, within: 20)
        case 2: fleet.decide(.confirmed)
        case 3: fleet.decide(.rolledBack)
        case 4: fleet.tell(["x", "y", "z", "u"].filter { _ in Bool.random(using: &random) })
        case 5: host.down = Bool.random(using: &random) ? names("a") : []
        default: host.settles.toggle()
        }
    }
}
