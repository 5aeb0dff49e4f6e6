// SPDX-License-Identifier: Apache-2.0

import Model

/// The `health` of one service.
struct HealthReader {
    /// Nil where it was wrong.
    let forwarding: Forwarding?
    let pace: ProbePace

    func health(_ reader: Reader, of backends: [Backend]) -> HealthCheck? {
        let keys = ["tcp", "http", "through-tunnel"] + ProbePace.keys
        guard let fields = Fields(reader, of: "a health check", keys: keys) else { return nil }
        var pace = pace
        pace.read(fields)
        let throughTunnel = fields["through-tunnel"].flatMap(throughTunnel) ?? false
        let tcp = fields["tcp"].flatMap(tcp)
        let http = fields["http"].flatMap(http)
        if fields["tcp"] != nil && fields["http"] != nil { fields.problem("a health check is tcp or http, not both") }
        if fields["tcp"] == nil && fields["http"] == nil { fields.problem("a health check needs 'tcp' or 'http'") }
        guard let probe = tcp ?? http else { return nil }
        if !probe.hasPort, let backend = backends.first(where: { $0.port == 0 }) {
            fields.problem(
                "health: no port to probe: neither the VIP nor backend '\(backend.name)' names one")
        }
        return HealthCheck(
            probe: probe, throughTunnel: throughTunnel, interval: pace.interval, timeout: pace.timeout,
            rise: pace.rise, fall: pace.fall)
    }

    private func throughTunnel(_ reader: Reader) -> Bool? {
        guard let value = reader.bool() else { return nil }
        if let forwarding, value, forwarding != .ipip, forwarding != .gue {
            reader.problem("forward \(forwarding) has no tunnel")
        }
        return value
    }

    private func tcp(_ reader: Reader) -> HealthCheck.Probe? {
        Fields(reader, of: "a tcp check", keys: ["port"]).map { .tcp(port: $0["port"]?.port()) }
    }

    private func http(_ reader: Reader) -> HealthCheck.Probe? {
        guard let fields = Fields(reader, of: "an http check", keys: ["port", "path", "host", "status"]) else {
            return nil
        }
        let path = fields["path"]?.word(lengthMax: 2_048, NameRule.request) ?? "/"
        if !path.hasPrefix("/") { fields["path"]?.expected("a path that begins with '/'") }
        return .http(
            port: fields["port"]?.port(), path: path, host: fields["host"]?.word(lengthMax: 255, NameRule.request),
            status: fields["status"]?.statusRange() ?? 200...299)
    }
}

extension HealthCheck.Probe {
    fileprivate var hasPort: Bool {
        switch self {
        case .tcp(let port), .http(let port, _, _, _): port != nil
        }
    }
}

extension Reader {
    /// `200-299`, or one code.
    fileprivate func statusRange() -> ClosedRange<Int>? {
        let text =
            switch kind {
            case .number(let text), .text(let text): text
            default: ""
            }
        let ends = text.split(separator: "-", omittingEmptySubsequences: false)
        let codes = ends.compactMap { $0.count == 3 ? Int($0) : nil }.filter { 100...599 ~= $0 }
        guard 1...2 ~= ends.count, codes.count == ends.count, let first = codes.first, let last = codes.last,
            first <= last
        else {
            expected("status codes such as 200-299, from 100 to 599")
            return nil
        }
        return first...last
    }
}
