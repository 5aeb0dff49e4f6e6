// SPDX-License-Identifier: Apache-2.0

/// Bonds, VLANs and bridges: which of the interfaces that belong together the program should be on.
struct LinkKindCheck {
    let facts: Facts
    let name: String
    let link: Facts.Interface.Link

    var findings: [Finding] { [bond, vlan, vlans, member].compactMap(\.self) }

    private var bond: Finding? {
        guard link.kind == "bond" else { return nil }
        if let kernel = facts.kernel.value, kernel.isBefore(5, 15) {
            return Finding(
                .bond, .warning, name, "a bond has native XDP since Linux 5.15, and this is \(kernel.subject)",
                remedy: ["boot Linux 5.15 or later, or live with generic XDP"])
        }
        return Finding(
            .bond, .ok, name,
            "a bond: native XDP if all members' drivers have it, in modes active-backup, balance-rr, balance-xor, "
                + "802.3ad"
        )
    }

    private var vlan: Finding? {
        guard link.kind == "vlan", let parent = link.parent else { return nil }
        return Finding(
            .vlan, .warning, name, "a VLAN on \(parent): VLAN devices have generic XDP alone",
            remedy: ["name the parent instead:  interfaces: [\(parent)]   (the program reads and writes tags itself)"])
    }

    private var vlans: Finding? {
        guard !link.vlans.isEmpty else { return nil }
        let list = Words.list(link.vlans.map(String.init))
        guard link.offloads.contains(.rxvlan), link.driver != "veth" else {
            return Finding(.vlan, .ok, name, "carries VLAN \(list), whose tags the program sees")
        }
        return Finding(
            .vlan, .warning, name,
            "carries VLAN \(list), and the card takes tags off: the program may see those frames without their tag",
            remedy: ["ethtool -K \(interfaceName) rxvlan off"])
    }

    private var member: Finding? {
        guard let master = link.master else { return nil }
        switch master.kind {
        case "bond", "team":
            return Finding(
                .bond, .warning, name,
                "belongs to \(master.name): routes lead to that one, and from here the program cannot send by it",
                remedy: ["interfaces: [\(master.name)]"])
        case "bridge":
            return Finding(
                .bridge, .warning, name,
                "belongs to bridge \(master.name): routes lead to that one, and the program cannot send by a bridge",
                remedy: [
                    "ip link set dev \(interfaceName) nomaster   and give its addresses to \(interfaceName) itself"
                ])
        default: return nil
        }
    }

    private var interfaceName: String { name.split(separator: " ").first.map { String($0) } ?? name }
}
