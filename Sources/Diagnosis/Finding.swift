// SPDX-License-Identifier: Apache-2.0

/// One thing that was looked at: what is so, why, and what mends it.
public struct Finding: Hashable, Sendable {
    public enum Level: String, Hashable, Sendable, CaseIterable {
        case ok
        /// Nothing is wrong, and yet it should be known.
        case note
        case warning, failure

        /// Five letters at most, before the text.
        var label: String {
            switch self {
            case .ok: "ok"
            case .note: "note"
            case .warning: "WARN"
            case .failure: "FAIL"
            }
        }
    }

    /// What was looked at; the raw values are stable.
    public enum Check: String, Hashable, Sendable, CaseIterable {
        case configuration, permission, kernel, jit, bpffs, build, pins, daemon, generation, state, interface, xdp
        case queues, offloads, bond, vlan, bridge, collision, mtu, forwarding, vip, health
        case sourcePrefix = "source-prefix"
        case reversePath = "rp-filter"
        case nextHop = "next-hop"
        case ownTraffic = "own-traffic"
        case netfilter
        case certificate
        case credentials, store, lease, leader, fleet, discovery
    }

    public var check: Check
    public var level: Level
    public var subject: String
    public var text: String
    /// Commands and what to do with them, a line each.
    public var remedy: [String]
    /// It fails for something that only another kernel has.
    public var kernelLacks: Bool

    public init(
        _ check: Check, _ level: Level, _ subject: String, _ text: String, remedy: [String] = [],
        kernelLacks: Bool = false
    ) {
        self.check = check
        self.level = level
        self.subject = subject
        self.text = text
        self.remedy = remedy
        self.kernelLacks = kernelLacks
    }

    /// `FAIL  eth0: is down`, and below it what mends it.
    public var lines: [String] {
        let label = level.label + String(repeating: " ", count: Self.margin - level.label.count)
        return ["\(label)\(subject): \(text)"] + remedy.map { String(repeating: " ", count: Self.margin) + $0 }
    }

    private static let margin = 6
}
