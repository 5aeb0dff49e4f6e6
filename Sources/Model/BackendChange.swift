// SPDX-License-Identifier: Apache-2.0

/// What becomes of one backend of a service from one generation to another.
public struct BackendChange: Hashable, Sendable {
    public enum Kind: Hashable, Sendable {
        case added
        /// Takes no new flows from now on, and keeps its own until the end of the service's `drain`.
        case drains
        /// Takes new flows again.
        case returns
        /// Out of the generation: its drain is over, or its packets cannot be carried any more.
        case leaves
        case reweighted(from: UInt32)
        /// Of its probes, and where the packets take it.
        case port(from: UInt16)
    }

    public let id: BackendID
    /// As it is afterwards; as it was where it leaves.
    public let backend: Backend
    public let kind: Kind

    /// By name, under one name by id.
    static func all(from old: [PlacedBackend], to new: [PlacedBackend]) -> [BackendChange] {
        let before = Dictionary(old.map { ($0.id, $0) }) { one, _ in one }
        let ids = Set(new.map(\.id))
        let left = old.filter { !ids.contains($0.id) }.map {
            BackendChange(id: $0.id, backend: $0.backend, kind: .leaves)
        }
        let stayed = new.flatMap { placed in
            kinds(from: before[placed.id], to: placed).map {
                BackendChange(id: placed.id, backend: placed.backend, kind: $0)
            }
        }
        return (left + stayed).sorted { NameHash.precedes($0.backend.name, $0.id, $1.backend.name, $1.id) }
    }

    private static func kinds(from old: PlacedBackend?, to new: PlacedBackend) -> [Kind] {
        guard let old else { return [.added] }
        var kinds: [Kind] = []
        if old.state != new.state { kinds.append(new.state == .draining ? .drains : .returns) }
        if old.backend.weight != new.backend.weight { kinds.append(.reweighted(from: old.backend.weight)) }
        if old.backend.port != new.backend.port { kinds.append(.port(from: old.backend.port)) }
        return kinds
    }
}
