// SPDX-License-Identifier: Apache-2.0

/// Whether the program runs on the interfaces, and how well.
struct InterfaceChecks {
    let facts: Facts

    var findings: [Finding] {
        switch facts.interfaces {
        case .unknown(let cause): [Finding(.interface, .warning, "interfaces", "could not be read: \(cause)")]
        case .known(let interfaces): interfaces.flatMap(findings) + collisions(interfaces)
        }
    }

    private func findings(of interface: Facts.Interface) -> [Finding] {
        guard let link = interface.link else {
            return [
                Finding(
                    .interface, .failure, interface.name, "there is no such interface",
                    remedy: ["ip -brief link   shows those that are; then mend interfaces: in sluiced.yaml"])
            ]
        }
        let name = Self.name(of: interface)
        if link.isLoopback || !link.isEthernet {
            return [
                Finding(
                    .interface, .failure, name,
                    link.isLoopback
                        ? "is the loopback, where no client's packet comes in"
                        : "has no Ethernet header, and the program reads and writes one",
                    remedy: ["name another one under interfaces: in sluiced.yaml"])
            ]
        }
        return [down(name, interface, link)].compactMap(\.self)
            + AttachmentCheck(facts: facts, interface, link).findings
            + LinkKindCheck(facts: facts, name: name, link: link).findings
            + ReceiveChecks(facts: facts, interface: interface, link: link).findings
    }

    /// `eth0 (veth)`.
    static func name(of interface: Facts.Interface) -> String {
        interface.link?.driver.map { "\(interface.name) (\($0))" } ?? interface.name
    }

    private func down(_ name: String, _ interface: Facts.Interface, _ link: Facts.Interface.Link) -> Finding? {
        if !link.isUp {
            return Finding(
                .interface, .failure, name, "is down", remedy: ["ip link set dev \(interface.name) up"])
        }
        if !link.hasCarrier {
            return Finding(
                .interface, .failure, name, "has no carrier: the cable, or the other end, is down",
                remedy: ["ethtool \(interface.name)   says whether a link is detected"])
        }
        return nil
    }

    /// The daemon leaves one of such a pair out.
    private func collisions(_ interfaces: [Facts.Interface]) -> [Finding] {
        var places: [UInt32: Facts.Interface] = [:]
        return interfaces.compactMap { interface in
            guard let index = interface.link?.index, facts.interfacePlaces > 0,
                let other = places.updateValue(interface, forKey: index % facts.interfacePlaces),
                let otherIndex = other.link?.index
            else { return nil }
            return Finding(
                .collision, .failure, "\(other.name) and \(interface.name)",
                "their indices \(otherIndex) and \(index) are equal modulo \(facts.interfacePlaces), "
                    + "and the program has one place for both: only one of them is steered",
                remedy: [
                    "leave one of them out of interfaces:, or make it again with another index (ip link add ... index "
                        + "N)"
                ])
        }
    }
}
