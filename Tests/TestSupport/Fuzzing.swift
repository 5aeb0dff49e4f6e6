// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// Octets that nobody sends, given to one parser: its corpus (`Tests/Corpus/PARSER`, a file an input), then mutations.
///
/// `SLUICE_FUZZ_SEED` repeats a run, `SLUICE_FUZZ_SECONDS` says how long a parser's takes; `SLUICE_CORPUS=write` adds
/// the seeds that the corpus lacks. tools/fuzz has libFuzzer begin with the same files.
public struct Fuzzing {
    private let parser: String
    private let seeds: [[UInt8]]
    private let folder: String

    public init(_ parser: String, seeds: [[UInt8]]) {
        self.parser = parser
        self.seeds = seeds
        folder = "\(RepositoryRoot.path)/Tests/Corpus/\(parser)"
    }

    /// Records an issue for the first input that `fault` finds something wrong with.
    public func search(_ fault: ([UInt8]) -> String?) throws {
        let seed = Self.number("SLUICE_FUZZ_SEED") ?? .random(in: .min ... .max)
        let seconds = Self.number("SLUICE_FUZZ_SECONDS") ?? 1
        // Before the first input: a crash leaves no other trace.
        print("fuzz of \(parser): SLUICE_FUZZ_SEED=\(seed) for \(seconds) s")
        let corpus = try inputs()
        for (name, octets) in corpus {
            if let fault = fault(octets) { Issue.record("\(folder)/\(name): \(fault)") }
        }
        var mutation = OctetMutation(random: SplitMix(seed: seed), seeds: corpus.map(\.octets))
        let clock = ContinuousClock()
        let end = clock.now.advanced(by: .seconds(Int(seconds)))
        var count = 0
        while clock.now < end {
            for _ in 0..<20 {
                let octets = mutation.next()
                count += 1
                guard let fault = fault(octets) else { continue }
                Issue.record("seed \(seed), input \(count), \(Self.digits(octets)): \(fault)")
                return
            }
        }
        print("fuzz of \(parser): \(corpus.count) files, \(count) inputs")
    }

    /// The files of seeds that the corpus lacks; none after they have been written.
    public func missing() throws -> [String] {
        let present = Set(try inputs().map(\.octets))
        let missing = seeds.filter { !present.contains($0) }
        guard ProcessInfo.processInfo.environment["SLUICE_CORPUS"] == "write" else { return missing.map(Self.name) }
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        for octets in missing {
            try Data(octets).write(to: URL(fileURLWithPath: "\(folder)/\(Self.name(octets))"))
        }
        return []
    }

    private func inputs() throws -> [(name: String, octets: [UInt8])] {
        guard FileManager.default.fileExists(atPath: folder) else { return [] }
        return try FileManager.default.contentsOfDirectory(atPath: folder).sorted().map { name in
            (name, [UInt8](try Data(contentsOf: URL(fileURLWithPath: "\(folder)/\(name)"))))
        }
    }

    /// By content, so that two hands write one file (FNV-1a).
    private static func name(_ octets: [UInt8]) -> String {
        let hash = octets.reduce(0xcbf2_9ce4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
        return String(repeating: "0", count: hash.leadingZeroBitCount / 4) + String(hash, radix: 16)
    }

    private static func digits(_ octets: [UInt8]) -> String {
        octets.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    private static func number(_ variable: String) -> UInt64? {
        ProcessInfo.processInfo.environment[variable].flatMap { UInt64($0) }
    }
}
