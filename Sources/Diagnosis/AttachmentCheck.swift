// SPDX-License-Identifier: Apache-2.0

/// How the program runs on one interface, or whether it could.
struct AttachmentCheck {
    let facts: Facts
    let interface: Facts.Interface
    let link: Facts.Interface.Link

    init(facts: Facts, _ interface: Facts.Interface, _ link: Facts.Interface.Link) {
        self.facts = facts
        self.interface = interface
        self.link = link
    }

    var findings: [Finding] {
        guard let attached = link.attached else { return [isExpected ? missing : possible] + largeMTU }
        guard isOurs(attached) else { return [foreign(attached)] }
        switch attached.mode {
        case .native: return [finding(.ok, "native XDP, MTU \(link.mtu)")]
        case .hardware: return [finding(.ok, "XDP in the card itself, MTU \(link.mtu)")]
        case .generic: return [generic] + largeMTU
        }
    }

    private func finding(_ level: Finding.Level, _ text: String, _ remedy: String...) -> Finding {
        Finding(.xdp, level, InterfaceChecks.name(of: interface), text, remedy: remedy)
    }

    /// Whether an earlier or running daemon should have attached it.
    private var isExpected: Bool { facts.pins.value?.program != nil || facts.daemon.status?.applied != nil }

    private func isOurs(_ attached: Facts.Interface.Attached) -> Bool {
        guard let pins = facts.pins.value else {
            // Pins are root's to read: the name has to do.
            return attached.programName == nil || attached.programName == Self.programName
        }
        return pins.program?.id == attached.programID
            || pins.links.contains { $0.index == link.index && $0.programID == attached.programID }
    }

    /// Of our program in the kernel.
    private static let programName = "steer"

    // MARK: Not there

    private var missing: Finding {
        let reason = facts.daemon.status?.interfaces[interface.name]?.reason
        return finding(
            .failure,
            "no XDP program is on it, so nothing that comes in by it is steered" + (reason.map { ": \($0)" } ?? ""),
            "systemctl restart sluiced; journalctl -u sluiced -n 50")
    }

    private var possible: Finding {
        guard let driver = link.driver.map(XDPDriver.init(name:)) else {
            return finding(.note, "names no driver: whether it has native XDP shows when sluiced starts")
        }
        if facts.mode == .generic {
            return finding(.ok, "generic XDP is asked for, MTU \(link.mtu); nothing attached yet")
        }
        if driver.hasNative {
            return finding(
                .ok, "the driver has native XDP, MTU \(link.mtu) (at most \(mtuMax(driver))); nothing attached yet")
        }
        let unknown = "the driver is not known to have native XDP"
        if facts.mode == .native {
            return finding(
                .failure, "\(unknown), and datapath.mode asks for it",
                "datapath: { mode: auto }   takes generic XDP instead, which is slower")
        }
        return finding(.warning, "\(unknown): generic XDP, several times slower, will have to do")
    }

    // MARK: There

    private func foreign(_ attached: Facts.Interface.Attached) -> Finding {
        let name = attached.programName ?? "without a name"
        if attached.programName == Self.programName {
            return finding(
                .failure, "another sluiced runs its program (id \(attached.programID)) on it",
                "stop that one and let it go:  sluicectl uninstall --config ITS-CONFIGURATION")
        }
        let text = "the XDP program \(name) (id \(attached.programID)) of somebody else is on it"
        let off = "bpftool net   says what it is;  ip link set dev \(interface.name) xdp off   takes it off"
        if facts.replacesForeign { return finding(.warning, "\(text), and sluiced will replace it as configured", off) }
        return finding(
            .failure, "\(text), and sluiced does not touch it", off,
            "or let sluiced do so:  datapath: { foreign: replace }")
    }

    private var generic: Finding {
        if facts.mode == .generic { return finding(.ok, "generic XDP, as configured, MTU \(link.mtu)") }
        let known = facts.daemon.status?.interfaces[interface.name]?.reason
        let hasNative = link.driver.map(XDPDriver.init(name:))?.hasNative ?? false
        let reason = known ?? (hasNative ? "the driver has native XDP and refused it" : "the driver has no native XDP")
        return finding(
            .warning, "generic XDP, several times slower than native: \(reason)",
            hasNative
                ? "mend what the driver objects to (MTU, queues, LRO), then  systemctl restart sluiced"
                : "a card whose driver has native XDP")
    }

    // MARK: MTU

    private func takesPieces(_ driver: XDPDriver) -> Bool {
        driver.takesPieces && facts.kernel.value?.xdpFragments ?? false
    }

    private func mtuMax(_ driver: XDPDriver) -> UInt32 {
        takesPieces(driver) ? link.mtuMax ?? 65535 : min(link.mtuMax ?? .max, UInt32(driver.mtuMax))
    }

    private var largeMTU: [Finding] {
        guard let driver = link.driver.map(XDPDriver.init(name:)), driver.hasNative, facts.mode != .generic,
            UInt32(link.mtu) > mtuMax(driver)
        else { return [] }
        let most = mtuMax(driver)
        return [
            Finding(
                .mtu, .warning, InterfaceChecks.name(of: interface),
                "MTU \(link.mtu) is more than native XDP takes here (\(most)): generic, which is slower, will have to "
                    + "do",
                remedy: ["ip link set dev \(interface.name) mtu \(most)"])
        ]
    }
}
