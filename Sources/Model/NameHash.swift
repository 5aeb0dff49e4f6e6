// SPDX-License-Identifier: Apache-2.0

import CDataplane

/// What a name's UTF-8 bytes come to: the one order and the one hash of names, the same on every host.
///
/// Swift's own order and hash of strings follow Unicode and differ from run to run.
enum NameHash {
    /// Keyed 64 bits of a name: its bytes in words of eight, the first byte the lowest, then their number, each mixed
    /// in by `mix` of `dataplane.h`.
    static func hash(_ name: String, seed: UInt64) -> UInt64 {
        var hash = seed
        var word: UInt64 = 0
        var count: UInt64 = 0
        for byte in name.utf8 {
            word |= UInt64(byte) << (8 * (count & 7))
            count += 1
            if count & 7 == 0 {
                hash = mix(hash ^ word)
                word = 0
            }
        }
        hash = mix(hash ^ word)
        // The length keeps a name apart from itself with zero bytes behind it; inverted, so that no word looks like it.
        return mix(hash ^ ~count)
    }

    /// Orders by UTF-8 bytes.
    static func precedes(_ one: String, _ other: String) -> Bool {
        one.utf8.lexicographicallyPrecedes(other.utf8)
    }

    /// Orders by UTF-8 bytes, and under one name by id.
    static func precedes(_ one: String, _ oneID: BackendID, _ other: String, _ otherID: BackendID) -> Bool {
        if precedes(one, other) { return true }
        return oneID < otherID && one.utf8.elementsEqual(other.utf8)
    }
}
