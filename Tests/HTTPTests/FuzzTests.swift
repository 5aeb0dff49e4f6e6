// SPDX-License-Identifier: Apache-2.0

import Glibc
import TestSupport
import Testing

/// `SLUICE_FUZZ_SEED` repeats a run, `SLUICE_FUZZ_SECONDS` says how long each parser's takes.
struct FuzzTests {
    @Test(arguments: FuzzEntry.allCases)
    func `whatever octets come, no parser breaks its promises`(entry: FuzzEntry) {
        let seed = Self.number("SLUICE_FUZZ_SEED") ?? .random(in: .min ... .max)
        let seconds = Self.number("SLUICE_FUZZ_SECONDS") ?? 1
        // Before the first input: a crash leaves no other trace.
        print("fuzz of \(entry): SLUICE_FUZZ_SEED=\(seed) for \(seconds) s")
        var mutation = OctetMutation(random: SplitMix(seed: seed), seeds: entry.seeds)
        for octets in entry.seeds {
            if let fault = entry.fault(octets) { Issue.record("seed input \(octets.hexadecimal): \(fault)") }
        }
        let clock = ContinuousClock()
        let end = clock.now.advanced(by: .seconds(Int(seconds)))
        var count = 0
        while clock.now < end {
            for _ in 0..<20 {
                let octets = mutation.next()
                count += 1
                guard let fault = entry.fault(octets) else { continue }
                Issue.record("seed \(seed), input \(count), \(octets.hexadecimal): \(fault)")
                return
            }
        }
        print("fuzz of \(entry): \(count) inputs")
    }

    private static func number(_ variable: String) -> UInt64? {
        getenv(variable).flatMap { UInt64(String(cString: $0)) }
    }
}

/// Turns inputs that mean something into inputs that nearly do.
struct OctetMutation {
    var random: SplitMix
    let seeds: [[UInt8]]

    private static let pieces: [[UInt8]] =
        [
            "\r\n", "\n", "\r", ": ", " ", "\t", "chunked", "0\r\n\r\n", "Content-Length: 3\r\n", "\u{0}", ",", ";",
            "%2e",
            "Transfer-Encoding: chunked\r\n", "Host: b\r\n", "Connection: close\r\n", "/../", "HTTP/1.1",
            "GET / HTTP/1.1\r\n",
        ].map { Array($0.utf8) } + [
            [0xff], [0x80], [0x40], [0x7f], [0xff, 0xff, 0xff, 0xff, 0x07], [0, 0, 0], [0x3f, 0xe1, 0x1f],
        ]

    mutating func next() -> [UInt8] {
        var octets = seeds.randomElement(using: &random) ?? []
        for _ in 0..<Int.random(in: 1...5, using: &random) { change(&octets) }
        return Array(octets.prefix(20_000))
    }

    private mutating func change(_ octets: inout [UInt8]) {
        let start = Int.random(in: 0...octets.count, using: &random)
        let end = min(octets.count, start + Int.random(in: 1...20, using: &random))
        switch Int.random(in: 0..<8, using: &random) {
        case 0: if start < octets.count { octets[start] ^= 1 << UInt8.random(in: 0..<8, using: &random) }
        case 1: if start < octets.count { octets[start] = .random(in: .min ... .max, using: &random) }
        case 2: octets.insert(contentsOf: Self.pieces.randomElement(using: &random) ?? [], at: start)
        case 3: octets.removeSubrange(start..<end)
        case 4: octets.insert(contentsOf: octets[start..<end], at: start)
        case 5: octets.removeLast(octets.count - start)
        case 6: octets += seeds.randomElement(using: &random) ?? []
        default:
            let other = seeds.randomElement(using: &random) ?? []
            octets = octets[..<start] + other.suffix(Int.random(in: 0...other.count, using: &random))
        }
    }
}
