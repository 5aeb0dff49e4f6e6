// SPDX-License-Identifier: Apache-2.0

/// HPACK's Huffman code (RFC 7541, appendix B), laid out for both ways.
///
/// The code is canonical: codes of one length are consecutive, in the order of their symbols, so the lengths tell all.
struct HuffmanTable {
    /// Bits that one probe looks at: two short codes at once, or one, or none when the code is longer.
    static let probeBits = 11
    static let longest = 30
    static let endOfString = 256

    /// What a probe finds: symbols in the low two bytes, then their number and their bits.
    struct Step: BitwiseCopyable {
        var word: UInt32 = 0

        @inline(__always) var first: UInt8 { UInt8(truncatingIfNeeded: word) }
        @inline(__always) var second: UInt8 { UInt8(truncatingIfNeeded: word &>> 8) }
        /// 0: the code is longer than a probe.
        @inline(__always) var symbols: Int { Int(word &>> 16 & 0xff) }
        @inline(__always) var bits: Int { Int(word &>> 24) }
    }

    /// `1 << probeBits` of them.
    let steps: UnsafeMutablePointer<Step>
    /// Of every symbol: the code, and its length above it.
    let codes: UnsafeMutablePointer<UInt64>
    /// Of every length to 30: the first code beyond those of this length and shorter ones, at the top of 32 bits.
    let bounds: UnsafeMutablePointer<UInt64>
    /// Of every length: what to add to a code of it for its place among `symbols`.
    let offsets: UnsafeMutablePointer<Int>
    /// All 257, by length and then by value.
    let symbols: UnsafeMutablePointer<UInt16>

    /// Allocates what is never given back: there is one, `Tables.shared`.
    init() {
        steps = .allocate(capacity: 1 << Self.probeBits)
        codes = .allocate(capacity: 257)
        bounds = .allocate(capacity: Self.longest + 1)
        offsets = .allocate(capacity: Self.longest + 1)
        symbols = .allocate(capacity: 257)
        assignCodes()
        fillSteps()
    }

    private func assignCodes() {
        var code = 0
        var place = 0
        bounds[0] = 0
        offsets[0] = 0
        for length in 1...Self.longest {
            code <<= 1
            offsets[length] = place - code
            for symbol in 0...256 where Self.lengths[symbol] == length {
                codes[symbol] = UInt64(code) | UInt64(length) << 32
                symbols[place] = UInt16(symbol)
                code += 1
                place += 1
            }
            bounds[length] = UInt64(code) << UInt64(32 - length)
        }
        // A code that is complete ends where 31 ones would.
        precondition(place == 257 && code == 1 << Self.longest)
    }

    private func fillSteps() {
        for probe in 0..<(1 << Self.probeBits) {
            guard let one = symbol(startingAt: probe, of: Self.probeBits) else {
                steps[probe] = Step()
                continue
            }
            let rest = Self.probeBits - one.bits
            if let two = symbol(startingAt: probe & (1 << rest - 1), of: rest) {
                let word = one.symbol | two.symbol << 8 | 2 << 16 | (one.bits + two.bits) << 24
                steps[probe] = Step(word: UInt32(word))
            } else {
                steps[probe] = Step(word: UInt32(one.symbol | 1 << 16 | one.bits << 24))
            }
        }
    }

    /// The symbol whose whole code begins these bits.
    private func symbol(startingAt bits: Int, of count: Int) -> (symbol: Int, bits: Int)? {
        for symbol in 0..<256 {
            let length = Int(Self.lengths[symbol])
            guard length <= count else { continue }
            if bits >> (count - length) == Int(codes[symbol] & 0xffff_ffff) { return (symbol, length) }
        }
        return nil
    }

    /// Bits of each symbol's code; the last is the end of a string.
    static let lengths: [UInt8] = [
        13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28,
        30, 28, 28, 28, 28, 28, 28, 28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11,
        8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10, 13, 6,
        7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
        8, 7, 8, 13, 19, 13, 14, 6, 15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6,
        6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28, 20, 22, 20, 20,
        22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21,
        22, 23, 22, 23, 23, 24, 22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23,
        21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23, 26, 26, 20, 19, 22, 23,
        22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26,
        28, 27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27,
        26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26, 30,
    ]
}
