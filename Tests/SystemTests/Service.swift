// SPDX-License-Identifier: Apache-2.0

/// A service of a story's document.
struct Service: Sendable {
    struct Backend: Sendable {
        var name: String
        var address: String
        var weight = 1
    }

    var name = "web"
    var vip = Lab.vip
    var port = 80
    var transport = "tcp"
    var forward = "ipip"
    var backends: [Backend]
    /// Nil: the VIP's.
    var backendPort: Int?
    /// A whole number and a unit, as in documents.
    var drain = "10m"
    var flowIdle = "1h"
    /// The `health` mapping; nil leaves probes out.
    var health: String?
    /// More keys, a line each: `on-down: rehash`.
    var more: [String] = []

    /// The probe of the lab's nginx that a file decides: quick, so that stories are short.
    static let healthz = "{ http: { path: /healthz }, interval: 200ms, timeout: 200ms, rise: 2, fall: 3 }"

    /// The first web servers of the lab, each of weight 1.
    static func webs(_ count: Int, family: Int = 4) -> [Backend] {
        (1...count).map { number in
            let address = family == 4 ? "10.3.0.\(20 + number)" : "2001:db8:3::\(20 + number)"
            return Backend(name: "web\(number)", address: address)
        }
    }

    /// The services document.
    static func document(_ services: [Service]) -> String {
        "services:\n" + services.map(\.text).joined()
    }

    private var text: String {
        var lines = [
            "  - name: \(name)",
            "    vip: { address: \"\(vip)\", port: \(port), protocol: \(transport) }",
            "    forward: \(forward)",
            "    drain: \(drain)",
            "    flow-idle: \(flowIdle)",
        ]
        if let health { lines.append("    health: \(health)") }
        lines += more.map { "    \($0)" }
        lines += ["    backends:", "      static:"]
        let port = backendPort.map { ", port: \($0)" } ?? ""
        lines += backends.map {
            "        - { name: \($0.name), address: \"\($0.address)\"\(port), weight: \($0.weight) }"
        }
        return lines.joined(separator: "\n") + "\n"
    }
}
