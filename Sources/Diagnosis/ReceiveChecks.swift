// SPDX-License-Identifier: Apache-2.0

/// What stands between the wire and the program: queues, offloads, and the filter behind it.
struct ReceiveChecks {
    let facts: Facts
    let interface: Facts.Interface
    let link: Facts.Interface.Link

    var findings: [Finding] { [queues, offloads, reversePath].compactMap(\.self) }

    private var name: String { InterfaceChecks.name(of: interface) }

    private var queues: Finding? {
        let queues = link.queues
        guard queues.receive < facts.cpus else { return nil }
        let busy = queues.receive == 1 ? "one CPU does" : "\(queues.receive) CPUs do"
        let text =
            "\(Words.count(queues.receive, "receive queue")) for \(facts.cpus) CPUs: \(busy) all the work of this "
            + "interface"
        let wanted = min(facts.cpus, queues.receiveMax)
        guard wanted > queues.receive else {
            return Finding(.queues, .note, name, "\(text), and it can have no more")
        }
        return Finding(
            .queues, link.driver == "veth" ? .note : .warning, name, text,
            remedy: [
                link.driver == "veth"
                    ? "ethtool -L \(interface.name) rx \(wanted)" : "ethtool -L \(interface.name) combined \(wanted)"
            ])
    }

    private var offloads: Finding? {
        func finding(_ offloads: [Facts.Interface.Offload], _ why: String, _ more: String...) -> Finding {
            let names = offloads.map(\.rawValue)
            let off = names.map { "\($0) off" }.joined(separator: " ")
            return Finding(
                .offloads, .warning, name, "\(Words.list(names)) on: \(why)",
                remedy: ["ethtool -K \(interface.name) \(off)"] + more)
        }
        let on = Facts.Interface.Offload.allCases.filter(link.offloads.contains)
        if link.driver == "veth" {
            let harmful = on.filter { [.tx, .tso, .gso, .gro].contains($0) }
            guard !harmful.isEmpty else { return nil }
            return finding(
                harmful,
                "a veth leaves checksums and segments to be done later, and XDP forwards them undone: "
                    + "small requests work, bulk TCP does not",
                "the same on the other end, and on every veth between here and the clients")
        }
        if link.offloads.contains(.lro) {
            return finding([.lro], "the card merges packets before XDP sees them; many drivers then refuse native XDP")
        }
        let isGeneric = link.attached?.mode == .generic || facts.mode == .generic
        if isGeneric, link.offloads.contains(.gro) {
            return finding([.gro], "generic XDP comes after it, and sees merged packets that fit no link")
        }
        return nil
    }

    private var reversePath: Finding? {
        guard interface.rpFilter == 1, facts.services.value?.contains(where: { $0.vip.address.isIPv4 }) ?? false else {
            return nil
        }
        return Finding(
            .reversePath, .warning, interface.name,
            "rp_filter is 1 (strict): what the program passes on, and answers to probes through the tunnel (they come "
                + "from "
                + "the VIP), is dropped unless the way back leaves by \(interface.name)",
            remedy: [Sysctl.command("net/ipv4/conf/\(interface.name)/rp_filter", 2)])
    }
}
