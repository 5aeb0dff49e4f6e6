// SPDX-License-Identifier: Apache-2.0

import CDataplane

/// What happened to a packet and why: `enum reason` of `dataplane.h`.
public struct Reason: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
    public enum Outcome: String, Hashable, Sendable, CaseIterable {
        case forwarded, answered, passed, dropped
        /// Counted beside the verdicts.
        case event
    }

    public let rawValue: Int

    public init(rawValue: Int) { self.rawValue = rawValue }

    init(_ reason: reason) { rawValue = Int(reason.rawValue) }

    private struct Row {
        let reason: reason
        let name: String
        let outcome: Outcome
    }

    private static let rows: [Int: Row] = {
        let rows: [Row] =
            [
                (REASON_SETTLED, "settled"), (REASON_NEW, "new"), (REASON_RECORDED, "recorded"),
                (REASON_PREVIOUS, "previous"), (REASON_CURRENT, "current"), (REASON_ICMP_RELAYED, "icmp-relayed"),
                (REASON_LATER_FRAGMENT, "later-fragment"),
            ].map { Row(reason: $0.0, name: $0.1, outcome: .forwarded) }
            + [(REASON_ECHO_REPLY, "echo-reply"), (REASON_TOO_BIG_ANSWERED, "too-big-answered")]
            .map { Row(reason: $0.0, name: $0.1, outcome: .answered) }
            + [
                (REASON_NOT_IP, "not-ip"), (REASON_NOT_VIP, "not-vip"), (REASON_OTHER_MAC, "other-mac"),
                (REASON_LOCAL, "local"), (REASON_ICMP_PASSED, "icmp-passed"),
            ].map { Row(reason: $0.0, name: $0.1, outcome: .passed) }
            + [
                (REASON_TRUNCATED, "truncated"), (REASON_BAD_LENGTH, "bad-length"), (REASON_BAD_HEADER, "bad-header"),
                (REASON_SOURCE_LAND, "source-land"), (REASON_SOURCE_LOOPBACK, "source-loopback"),
                (REASON_SOURCE_MULTICAST, "source-multicast"), (REASON_SOURCE_LOOP, "source-loop"),
                (REASON_DENIED, "denied"), (REASON_NO_BACKEND, "no-backend"), (REASON_NO_NEXT_HOP, "no-next-hop"),
                (REASON_NO_HEADROOM, "no-headroom"), (REASON_FRAGMENT_WITHOUT_FIRST, "fragment-without-first"),
                (REASON_TOO_BIG_LIMITED, "too-big-limited"), (REASON_ICMP_BAD_INNER, "icmp-bad-inner"),
                (REASON_ICMP_SMALL_MTU, "icmp-small-mtu"), (REASON_ECHO_LIMITED, "echo-limited"),
            ].map { Row(reason: $0.0, name: $0.1, outcome: .dropped) }
            + [Row(reason: REASON_RECORD_EVICTED, name: "record-evicted", outcome: .event)]
        return Dictionary(uniqueKeysWithValues: rows.map { (Int($0.reason.rawValue), $0) })
    }()

    /// Those that have a name, in the order of their numbers.
    public static var all: [Reason] { rows.keys.sorted().map(Reason.init(rawValue:)) }

    /// As metrics and tables name it: `not-vip`.
    public var name: String { Self.rows[rawValue]?.name ?? "reason-\(rawValue)" }

    public var outcome: Outcome { Self.rows[rawValue]?.outcome ?? .event }

    public var description: String { name }
}
