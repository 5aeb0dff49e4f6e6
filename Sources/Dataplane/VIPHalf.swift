// SPDX-License-Identifier: Apache-2.0

import CDataplane
import Model

/// The content of one half of the VIP array: every entry in the line that its hash names, under a seed that leaves no
/// line with more entries than it holds.
struct VIPHalf: Sendable {
    let seed: UInt64
    /// As given; the same entries in the same order give the same half.
    let entries: [vip]

    /// Nil if no seed fits, which so few VIPs in so many lines do not bring about.
    init?(_ entries: [vip]) {
        self.entries = entries
        var counts = [UInt8](repeating: 0, count: Int(VIP_LINES))
        let seed = (0..<Self.tries).lazy.map(Self.candidate).first { seed in
            counts.withUnsafeMutableBufferPointer { counts in
                counts.update(repeating: 0)
                return entries.allSatisfy { entry in
                    // In bounds: the hash is masked to the number of lines.
                    let line = entry.line(seed: seed)
                    counts[line] += 1
                    return counts[line] <= VIPS_PER_LINE
                }
            }
        }
        guard let seed else { return nil }
        self.seed = seed
    }

    /// About one seed in ten serves 512 VIPs of as many addresses.
    private static let tries: UInt64 = 10_000

    /// The seeds in the order in which they are tried, the same on every host: 0, then well-mixed ones, as neighbours
    /// would put most keys together again.
    private static func candidate(_ number: UInt64) -> UInt64 { number == 0 ? 0 : mix(number) }

    /// All lines of the half.
    func lines() -> [vip_line] {
        var lines = [vip_line](repeating: vip_line(), count: Int(VIP_LINES))
        for entry in entries {
            let line = entry.line(seed: seed)
            if lines[line].entries.0.isFree {
                lines[line].entries.0 = entry
            } else {
                lines[line].entries.1 = entry
            }
        }
        return lines
    }

    func holds(_ others: [vip]) -> Bool {
        entries.count == others.count && zip(entries, others).allSatisfy(sameBytes)
    }

    /// Whether the entries, in any order, are this half's.
    func holdsSame(as others: [vip]) -> Bool {
        guard entries.count == others.count else { return false }
        func order(_ one: vip, _ other: vip) -> Bool {
            (IPAddress(one.address), one.port, one.protocol) < (IPAddress(other.address), other.port, other.protocol)
        }
        return zip(entries.sorted(by: order), others.sorted(by: order)).allSatisfy(sameBytes)
    }
}

extension VIPHalf {
    /// The entries of these services: each one's VIP, then one for each address that ICMP may come to.
    static func entries(of vips: [vip]) -> [vip] {
        var lowest: [IPAddress: UInt16] = [:]
        for entry in vips {
            let address = IPAddress(entry.address)
            lowest[address] = min(lowest[address] ?? .max, entry.service)
        }
        return vips
            + lowest.sorted { $0.key < $1.key }.map { vip(icmp: $0.key, service: ServiceID(rawValue: $0.value)) }
    }
}
