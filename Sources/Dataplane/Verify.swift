// SPDX-License-Identifier: Apache-2.0

import CDataplane
import Model

/// One thing in the kernel that is not what generation and down set say.
public struct Difference: Hashable, Sendable, CustomStringConvertible {
    public enum Kind: String, Hashable, Sendable, CaseIterable {
        case vip, slots, backend, service, access
    }

    public let kind: Kind
    /// A service's name, a VIP, or a backend.
    public let subject: String
    /// How many entries differ.
    public let count: Int
    /// In one line, with the subject.
    public let description: String
}

/// The kernel against f(generation, this host's down set). Unsettled marks, records and
/// what is handed over from sockets are the host's own and left out.
public struct Verify: Sendable {
    public let differences: [Difference]
    public let services: Int
    public let slots: Int
    public let backends: Int

    /// - Throws: where the generation itself cannot be made into map entries.
    public static func differences(
        _ generation: Generation, down: Set<BackendID> = [], kernel: KernelState
    ) throws -> [Difference] {
        try Verify(generation, down: down, kernel: kernel).differences
    }

    public init(_ generation: Generation, down: Set<BackendID> = [], kernel: KernelState) throws {
        var host = HostView.nowhere
        host.down = down
        let image = try MapImage.image(of: generation, on: host)
        self.init(image, try kernel.observe(for: image))
    }

    /// - Parameter observed: with the tables of every service.
    init(_ image: MapImage, _ observed: ObservedImage) {
        let active = ActiveEntries(observed.entries)
        let rules = SlotRules(image.services)
        differences =
            Self.vips(image, active)
            + image.services.flatMap { service in
                Self.slots(service, observed.tables[service.place] ?? [], rules)
                    + Self.backends(service, observed.backends) + Self.policy(service, observed.policies)
            } + Self.strangers(image, observed) + Self.access(image, observed)
        services = image.services.count
        slots = image.services.reduce(0) { $0 + $1.current.count }
        backends = image.services.reduce(0) { $0 + $1.backends.count }
    }

    private static func vips(_ image: MapImage, _ active: ActiveEntries) -> [Difference] {
        var found: [Difference] = []
        let wanted = Set(image.services.map(\.placed.service.vip))
        for service in image.services {
            let vip = service.placed.service.vip
            if let entry = active.entries.first(where: { $0.value == vip }) {
                guard !sameBytes(entry.withoutHandover, service.vip) else { continue }
                found.append(
                    difference(.vip, vip.description, "its entry differs: \(service.vip.words(against: entry))"))
            } else {
                found.append(difference(.vip, vip.description, "not in force, should be \(service.name)'s"))
            }
        }
        for entry in active.entries {
            guard let vip = entry.value, !wanted.contains(vip) else { continue }
            found.append(difference(.vip, vip.description, "in force, but no service has it"))
        }
        return found
    }

    private static func slots(_ service: ServiceImage, _ words: [UInt32], _ rules: SlotRules) -> [Difference] {
        var wrong: [Mismatch: [Int]] = [:]
        var lost: [Int] = []
        for (slot, current) in service.current.enumerated() where slot < words.count {
            let word = SlotWord(rawValue: words[slot])
            if word.current != current {
                wrong[Mismatch(holds: word.current, wanted: current), default: []].append(slot)
            } else if word.isUnsettled, word.previous != word.current, !rules.keeps(word.previous, service.id) {
                lost.append(slot)
            }
        }
        var found: [Difference] = []
        let names = BackendNames(service.placed)
        if !wrong.isEmpty {
            let count = wrong.values.reduce(0) { $0 + $1.count }
            let kinds = wrong.sorted { $0.value[0] < $1.value[0] }
            var parts = kinds.prefix(kindsShown).map { mismatch, slots in
                "\(list(slots)) hold\(slots.count == 1 ? "s" : "") \(names.holder(id(mismatch.holds))), "
                    + "should hold \(names.holder(id(mismatch.wanted)))"
            }
            if kinds.count > kindsShown { parts.append("and \(kinds.count - kindsShown) more kinds") }
            found.append(
                difference(
                    .slots, service.name,
                    "\(count) of \(service.current.count) slots differ: \(parts.joined(separator: "; "))", count: count)
            )
        }
        if !lost.isEmpty {
            found.append(
                difference(
                    .slots, service.name,
                    "\(lost.count) of \(service.current.count) slots: \(list(lost)) send older flows "
                        + "to a backend that is gone",
                    count: lost.count))
        }
        return found
    }

    private struct Mismatch: Hashable {
        let holds: UInt16
        let wanted: UInt16
    }

    private static func id(_ number: UInt16) -> BackendID? { number == 0 ? nil : BackendID(rawValue: number) }

    private static let kindsShown = 3
    private static let slotsShown = 3

    private static func list(_ slots: [Int]) -> String {
        let shown = slots.prefix(slotsShown).map(String.init).joined(separator: ", ")
        return slots.count > slotsShown ? "\(shown), …" : shown
    }

    private static func difference(_ kind: Difference.Kind, _ subject: String, _ text: String, count: Int = 1)
        -> Difference
    {
        Difference(kind: kind, subject: subject, count: count, description: "\(subject): \(text)")
    }
}

extension Verify {
    /// The fleet's part of the templates: where packets go, not by which next hop.
    private static func backends(_ service: ServiceImage, _ observed: [CDataplane.backend]) -> [Difference] {
        service.backends.compactMap { entry in
            let held = observed[Int(entry.id)]
            let wanted = entry.template
            let name = BackendNames(service.placed).name(BackendID(rawValue: entry.id))
            var wrong: [String] = []
            if !held.isPresent { wrong.append("not there") }
            if held.isPresent, held.forward != wanted.forward { wrong.append("another way of forwarding") }
            if held.isPresent, held.service != wanted.service { wrong.append("belongs to service id \(held.service)") }
            if held.isPresent, !sameBytes(held.destination, wanted.destination) {
                wrong.append("sent to \(IPAddress(held.destination)), should be \(IPAddress(wanted.destination))")
            }
            if held.isPresent, held.has(BACKEND_ACTIVE) != wanted.has(BACKEND_ACTIVE) {
                wrong.append(wanted.has(BACKEND_ACTIVE) ? "not marked active" : "marked active")
            }
            guard !wrong.isEmpty else { return nil }
            return Difference(
                kind: .backend, subject: "\(service.name): \(name)", count: 1,
                description: "\(service.name): backend \(name) (id \(entry.id)): \(wrong.joined(separator: ", "))")
        }
    }

    private static func policy(_ service: ServiceImage, _ observed: [CDataplane.service]) -> [Difference] {
        let held = observed[Int(service.id)]
        guard !sameBytes(held, service.policy) else { return [] }
        let wanted = service.policy
        return [
            Difference(
                kind: .service, subject: service.name, count: 1,
                description: "\(service.name): flow-idle \(held.flow_idle) s (should be \(wanted.flow_idle)), "
                    + "UDP idle \(held.udp_idle) s (should be \(wanted.udp_idle)), "
                    + "others are \(held.access_default == wanted.access_default ? "rightly" : "wrongly") "
                    + (held.access_default == ACCESS_DENY.rawValue ? "denied" : "allowed"))
        ]
    }

    /// Backends that no service of the generation has.
    private static func strangers(_ image: MapImage, _ observed: ObservedImage) -> [Difference] {
        let wanted = Set(image.services.flatMap { $0.backends.map(\.id) })
        return observed.backends.indices.filter { observed.backends[$0].isPresent && !wanted.contains(UInt16($0)) }
            .map { id in
                let address = IPAddress(observed.backends[id].destination)
                return Difference(
                    kind: .backend, subject: "id \(id)", count: 1,
                    description: "backend id \(id) (\(address)): there, but no service has it")
            }
    }
}

extension CDataplane.vip {
    /// How an entry differs, in words.
    fileprivate func words(against held: vip) -> String {
        var parts: [String] = []
        if held.service != service { parts.append("service id \(held.service), should be \(service)") }
        if held.table != table { parts.append("table at granule \(held.table), should be \(table)") }
        if held.flags != flags { parts.append("flags \(held.flags), should be \(flags)") }
        if held.seed != seed { parts.append("another seed of the flow hash") }
        return parts.isEmpty ? "reserved bytes" : parts.joined(separator: ", ")
    }
}
