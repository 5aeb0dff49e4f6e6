// SPDX-License-Identifier: Apache-2.0

import Documents
import Model
import Testing

/// So many services, each with its own port and the same lines.
private func services(_ count: Int, _ rest: String) -> String {
    let entries = (1...count).map { number in
        "  - { name: s\(number), vip: { address: 10.9.9.9, port: \(number), protocol: tcp }, \(rest) }\n"
    }
    return "services:\n" + entries.joined()
}

private let oneBackend = "backends: { static: [ { address: 10.0.0.1 } ] }"

@Suite struct `Services together` {
    @Test func `share no VIP, and the problem names both`() {
        let text = """
            services:
              - { name: web, vip: \(tcpVIP), \(oneBackend) }
              - { name: any, vip: \(anyVIP), \(oneBackend) }
              - { name: shop, vip: \(tcpVIP), \(oneBackend) }
            """
        #expect(problems(ofServices: text) == "s.yaml:4:5: services 'web' and 'shop' share the VIP 10.9.9.9:80/tcp")
    }

    @Test func `share no name, even where one of them has other problems`() {
        let text = """
            services:
              - { name: web, vip: \(tcpVIP), \(oneBackend) }
              - { name: web, vip: \(anyVIP), wieght: 3, \(oneBackend) }
            """
        #expect(
            problems(ofServices: text) == """
                s.yaml:3:5: a second service 'web'; the first is in line 2
                s.yaml:3:72: unknown key 'wieght' in a service
                """)
    }

    @Test(arguments: [
        (512, oneBackend, "no problem"),
        (514, oneBackend, "s.yaml:514:5: with this service there are more than 512 services, which the maps hold"),
        (126, "table-size: 65537, " + oneBackend, "no problem"),
        (
            127, "table-size: 65537, " + oneBackend,
            "s.yaml:128:5: with this service there are more than 8192 blocks of 1024 slots in all tables"
        ),
    ])
    func `fit the kernel's maps, and the first that does not is named`(
        count: Int, rest: String, expected: String
    ) {
        #expect(problems(ofServices: services(count, rest)).hasPrefix(expected))
    }

    @Test func `have no more backends than the maps hold, nor one service more than its table`() {
        let backends = (0..<16_400).map { "{ address: 10.1.\($0 / 256).\($0 % 256) }" }.joined(separator: ", ")
        let text = services(2, "backends: { static: [ \(backends) ] }")
        let lines = problems(ofServices: text).split(separator: "\n")
        #expect(
            lines.map { $0.drop { $0 != " " } } == [
                " static: 16400 backends do not fit a table of 16381 slots; table-size 65537 has room",
                " with this service there are more than 32767 backends, which the maps hold",
                " static: 16400 backends do not fit a table of 16381 slots; table-size 65537 has room",
            ])
    }
}
