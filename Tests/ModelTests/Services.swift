// SPDX-License-Identifier: Apache-2.0

import Model
import Testing

// Services and generations by their notation.

/// A desired service.
func desired(
    _ text: String, name: String = "web", drain: Duration = .seconds(600), size: TableSize = .small,
    brake: Brake = Brake()
) throws -> DesiredState.Entry {
    let notation = try #require(Notation(text), "no notation: \(text)")
    let service = VirtualService(name: name, vip: notation.vip, tableSize: size, drain: drain, brake: brake)
    return DesiredState.Entry(service: service, backends: notation.wanted)
}

/// Members of these names and weights, ids counted from 1.
func members(_ weights: [(String, UInt32)]) -> [TableMember] {
    weights.enumerated().map { index, pair in
        TableMember(id: BackendID(rawValue: UInt16(index + 1)), name: pair.0, weight: pair.1)
    }
}

/// So many members of one weight: `b0`, `b1`, ...
func members(_ count: Int, weight: UInt32 = 1) -> [TableMember] {
    members((0..<count).map { ("b\($0)", weight) })
}

/// How many slots each id has.
func shares(_ slots: [UInt16]) -> [UInt16: Int] {
    slots.reduce(into: [:]) { $0[$1, default: 0] += 1 }
}

/// A fleet of one host, driven step by step.
struct Fleet {
    var entries: [DesiredState.Entry] = []
    var overrides: [Override] = []
    private(set) var generation: Generation?

    /// Goes on to the next generation; nil where nothing changes.
    @discardableResult
    mutating func step(at now: Int64, settled: Set<String> = []) throws(ValidationError) -> Generation? {
        let next = try Generation.next(
            desired: DesiredState(entries: entries), overrides: overrides, previous: generation,
            settledServices: settled,
            epoch: 1, seed: 0x5eed, now: now)
        if let next { generation = next }
        return next
    }

    func service(_ name: String = "web") throws -> PlacedService {
        try #require(generation?.service(named: name))
    }

    /// With ids, without addresses.
    func notation(_ name: String = "web") throws -> String {
        var notation = Notation(try service(name), places: true)
        for index in notation.backends.indices { notation.backends[index].address = nil }
        return notation.description
    }
}
