// SPDX-License-Identifier: Apache-2.0

/// What nobody sees who looks in the usual places.
struct UnseenTraffic {
    let facts: Facts

    var findings: [Finding] {
        guard let services = facts.services.value, !services.isEmpty else { return [] }
        return [ownTraffic, netfilter]
    }

    private var ownTraffic: Finding {
        let local = facts.vips.filter { $0.route == .known(.local) }.map { "\($0.address)" }
        let away = facts.vips.filter { $0.route == .known(.away) }.map { "\($0.address)" }
        let ends = [
            local.isEmpty ? nil : "end at this host's own sockets (\(Words.list(local)))",
            away.isEmpty ? nil : "leave by its routes (\(Words.list(away)))",
        ].compactMap(\.self)
        let what = ends.isEmpty ? "fail" : ends.joined(separator: " or ")
        return Finding(
            .ownTraffic, .note, "own traffic",
            "connections of this host to a VIP do not pass XDP: they \(what). A backend that connects to its own VIP "
                + "meets itself.",
            remedy: ["To try a VIP, connect from another host, or ask  sluicectl explain --src A:P --dst VIP:P"])
    }

    private var netfilter: Finding {
        let tracked =
            facts.tracksConnections
            ? "; it is loaded here, and a rule that drops 'ct state invalid' would drop those" : ""
        return Finding(
            .netfilter, .note, "nftables",
            "rules on this host do not see packets that the program forwards, and conntrack sees one direction of "
                + "those it "
                + "passes on\(tracked)",
            remedy: ["allow and deny lists belong to the service:  allow: [...], deny: [...]"])
    }
}
