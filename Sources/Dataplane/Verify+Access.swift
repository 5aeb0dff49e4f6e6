// SPDX-License-Identifier: Apache-2.0

import CDataplane
import Model

extension Verify {
    /// The entries of allow and deny lists, and the filter in front of them.
    static func access(_ image: MapImage, _ observed: ObservedImage) -> [Difference] {
        let absent = image.access.filter { !observed.access.contains($0) }
        let missing = Dictionary(grouping: absent, by: \.service.rawValue)
        let extra = Dictionary(grouping: observed.access.subtracting(image.access), by: \.service.rawValue)
        let names = Dictionary(image.services.map { ($0.id, $0.name) }) { one, _ in one }
        return Set(missing.keys).union(extra.keys).sorted().map { id in
            list(names[id] ?? "service id \(id)", missing[id] ?? [], Set(extra[id] ?? []))
        } + filter(image.filter, observed.filter)
    }

    private static func list(_ name: String, _ missing: [AccessEntry], _ extra: Set<AccessEntry>) -> Difference {
        let inverted = missing.filter { extra.contains($0.inverted) }
        let absent = missing.filter { !extra.contains($0.inverted) }
        let strange = extra.subtracting(inverted.map(\.inverted)).sorted()
        let parts = [
            words(absent, "not there"), words(inverted, "answered the other way"),
            words(strange, "there, and on no list"),
        ]
        return Difference(
            kind: .access, subject: name, count: missing.count + strange.count,
            description: "\(name): prefixes of its allow and deny lists: "
                + parts.compactMap(\.self).joined(separator: "; "))
    }

    private static func words(_ entries: [AccessEntry], _ what: String) -> String? {
        guard let first = entries.first else { return nil }
        let example = "\(first.allows ? "allow" : "deny") \(first.prefix)"
        return "\(entries.count) \(what) (\(example)\(entries.count > 1 ? ", …" : ""))"
    }

    private static func filter(_ wanted: [UInt64], _ held: [UInt64]) -> [Difference] {
        let lost = zip(wanted, held).reduce(0) { $0 + ($1.0 & ~$1.1).nonzeroBitCount }
        let wide = zip(wanted, held).reduce(0) { $0 + ($1.1 & ~$1.0).nonzeroBitCount }
        var parts: [String] = []
        if lost > 0 { parts.append("\(lost) bits are not set: clients there pass by the lists") }
        if wide > 0 { parts.append("\(wide) bits are set for nobody: clients there cost a lookup") }
        guard !parts.isEmpty else { return [] }
        return [
            Difference(
                kind: .access, subject: "access filter", count: lost + wide,
                description: "access filter: \(parts.joined(separator: "; "))")
        ]
    }
}
