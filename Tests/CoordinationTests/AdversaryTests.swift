// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

@testable import Coordination

/// A lock that grants to everybody, and answers that are lost: the store's compares alone keep the order.
@Suite struct AdversaryTests {
    /// A leader that believes all that it is told.
    private struct Candidate {
        let store: MemoryStore
        var tenure: Tenure?
        var known: Document?
        var number: UInt8 = 0
    }

    @Test func `a thousand interleavings have one publisher an epoch and one digest a number`() async throws {
        var random = SplitMix(for: "adversary")
        var accepted = 0
        for round in 0..<1000 {
            let log = try await play(&random)
            accepted += log.count
            var publisher: [UInt8: UInt8] = [:]
            var digests: [[UInt8]: String] = [:]
            for bytes in log {
                let (epoch, number, who) = (bytes[0], bytes[1], bytes[2])
                #expect(publisher[epoch, default: who] == who, "round \(round), seed \(random.seed)")
                publisher[epoch] = who
                #expect(digests[[epoch, number]] == nil, "round \(round), seed \(random.seed)")
                digests[[epoch, number]] = Document(bytes).digest
            }
            #expect(log.map(\.[0]) == log.map(\.[0]).sorted(), "round \(round), seed \(random.seed)")
        }
        #expect(accepted > 1000, "the interleavings publish too little to show anything")
    }

    /// Every document that the store accepted, in order: epoch, number, publisher, salt.
    private func play(_ random: inout SplitMix) async throws -> [[UInt8]] {
        let server = MemoryServer(now: { .zero })
        var candidates = try (0..<3).map {
            Candidate(store: try MemoryStore(server, fleet: "f", client: "c\($0)"))
        }
        _ = try await candidates[0].store.found()
        await server.grantToEverybody()
        let observer = try MemoryStore(server, fleet: "f", client: "observer")
        var log: [[UInt8]] = []
        var last: Document?
        for _ in 0..<24 {
            let index = Int.random(in: 0..<3, using: &random)
            try await step(&candidates[index], UInt8(index), server, &random)
            let current = try await observer.view().current
            if let current, current != last { log.append(current.bytes) }
            last = current
        }
        return log
    }

    private func step(
        _ candidate: inout Candidate, _ index: UInt8, _ server: MemoryServer, _ random: inout SplitMix
    ) async throws {
        if UInt8.random(in: 0..<5, using: &random) == 0 {
            await server.loseNextAnswer(to: candidate.store.client)
        }
        do {
            switch UInt8.random(in: 0..<4, using: &random) {
            case 0:
                candidate.tenure = try await win(candidate.store, as: HolderToken(host: "c\(index)"))
                candidate.number = 0
            case 1: candidate.known = try await candidate.store.view().current
            default: try await publish(&candidate, index, &random)
            }
        } catch let error as StoreError where error.isTransient {
            // As a leader has it: it goes on with what it believes.
        }
    }

    private func publish(_ candidate: inout Candidate, _ index: UInt8, _ random: inout SplitMix) async throws {
        guard let tenure = candidate.tenure else { return }
        let salt = UInt8.random(in: 0 ... .max, using: &random)
        let bytes = [UInt8(tenure.epoch), candidate.number + 1, index, salt]
        let outcome = try await candidate.store.publish(bytes, as: tenure, replacing: candidate.known?.digest)
        guard outcome == .accepted else { return }
        candidate.known = Document(bytes)
        candidate.number += 1
    }
}
