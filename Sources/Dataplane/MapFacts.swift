// SPDX-License-Identifier: Apache-2.0

import BPF

/// One pinned map as the kernel describes it.
public struct MapFacts: Hashable, Sendable {
    public let name: String
    public let type: String
    public let keySize: Int
    public let valueSize: Int
    public let maxEntries: Int
    /// Bytes of its values, each rounded up to eight; of arrays that is all there is.
    public let memory: UInt64
}

extension KernelState {
    /// Every pinned map, by name.
    public func mapFacts() throws(BPFError) -> [MapFacts] {
        var facts: [MapFacts] = []
        for name in try Pin.list(paths.maps).sorted() {
            let map = try Map.open(pinned: "\(paths.maps)/\(name)")
            let entry = (map.valueSize + 7) / 8 * 8
            facts.append(
                MapFacts(
                    name: name, type: "\(map.type)", keySize: map.keySize, valueSize: map.valueSize,
                    maxEntries: map.maxEntries, memory: UInt64(entry * map.maxEntries)))
        }
        return facts
    }
}
