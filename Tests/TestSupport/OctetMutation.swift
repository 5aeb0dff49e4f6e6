// SPDX-License-Identifier: Apache-2.0

/// Turns inputs that mean something into inputs that nearly do.
public struct OctetMutation {
    private var random: SplitMix
    private let seeds: [[UInt8]]

    public init(random: SplitMix, seeds: [[UInt8]]) {
        self.random = random
        self.seeds = seeds
    }

    private static let pieces: [[UInt8]] =
        [
            "\r\n", "\n", "\r", ": ", " ", "\t", "chunked", "0\r\n\r\n", "Content-Length: 3\r\n", "\u{0}", ",", ";",
            "%2e",
            "Transfer-Encoding: chunked\r\n", "Host: b\r\n", "Connection: close\r\n", "/../", "HTTP/1.1",
            "GET / HTTP/1.1\r\n",
        ].map { Array($0.utf8) } + [
            [0xff], [0x80], [0x40], [0x7f], [0xff, 0xff, 0xff, 0xff, 0x07], [0, 0, 0], [0x3f, 0xe1, 0x1f],
        ]

    public mutating func next() -> [UInt8] {
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
