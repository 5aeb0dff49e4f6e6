// SPDX-License-Identifier: Apache-2.0

/// Random numbers that a seed repeats (Steele, Lea, Flood: "Fast Splittable Pseudorandom Number Generators", 2014).
public struct SplitMix: RandomNumberGenerator {
    public let seed: UInt64
    private var state: UInt64

    public init(seed: UInt64) {
        self.seed = seed
        state = seed
    }

    /// A seed of its own, printed so that a failure can be had again.
    public init(for test: String) {
        self.init(seed: .random(in: .min ... .max))
        print("\(test): seed \(seed)")
    }

    public mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var value = state
        value = (value ^ value >> 30) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ value >> 27) &* 0x94d0_49bb_1331_11eb
        return value ^ value >> 31
    }
}
