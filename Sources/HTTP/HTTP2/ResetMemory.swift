// SPDX-License-Identifier: Apache-2.0

/// The streams that we reset of late: what the peer had sent before it knew is passed over (RFC 9113, 5.1, 'closed').
///
/// Thirty-two are remembered. What is older than the oldest of them is given the benefit of the doubt.
struct ResetMemory: Sendable {
    private var recent = SIMD32<UInt32>(repeating: 0)
    private var next = 0
    /// The highest that was forgotten.
    private var forgotten: UInt32 = 0

    mutating func note(_ id: UInt32) {
        forgotten = max(forgotten, recent[next])
        recent[next] = id
        next = (next + 1) & 31
    }

    func mayHold(_ id: UInt32) -> Bool { id <= forgotten || any(recent .== id) }
}
