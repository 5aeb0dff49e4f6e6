// SPDX-License-Identifier: Apache-2.0

import Documents
import Testing

@Suite struct `Aliases` {
    @Test func `stand for what their anchor names`() throws {
        let text = """
            services:
              - { name: a, vip: \(tcpVIP), backends: &web { static: [ { name: "*", address: 10.0.0.1 } ] } }
              - { name: b, vip: \(anyVIP), backends: *web }
            """
        let entries = try ServicesDocument.parse(text: text, file: "s.yaml").desired.entries
        #expect(
            entries.map(notation) == [
                "a 10.9.9.9:80/tcp ipip -> * 10.0.0.1 w1", "b 10.9.9.9:any/tcp ipip -> * 10.0.0.1 w1",
            ])
    }

    @Test func `say what is wrong with their target once`() {
        let text = """
            services:
              - { name: a, vip: \(tcpVIP), backends: &web { static: [ { address: 10.0.0 } ] } }
              - { name: b, vip: \(anyVIP), backends: *web }
            """
        #expect(problems(ofServices: text) == "s.yaml:2:107: address: expected an IP address, found '10.0.0'")
    }

    @Test func `do not unfold without end`() {
        // Each level holds the one before ten times: ten billion values in ten lines.
        let levels = (1...10).map { level in
            "l\(level): &l\(level) [" + Array(repeating: "*l\(level - 1)", count: 10).joined(separator: ", ") + "]"
        }
        let text = "l0: &l0 [x]\n" + levels.joined(separator: "\n") + "\n? *l10\n: 1\nservices: *l10\n"
        let said = problems(ofServices: text)
        #expect(said.contains("s.yaml:12:3: a key has to be a plain word"))
        #expect(
            said.contains(
                "s.yaml:10:5: services: expected a mapping { name, vip, forward, table-size, ... }, found a list"))
    }

    @Test func `of long lists in long lists end at so many values`() {
        let list = "&list [" + Array(repeating: "{ address: 10.0.0.1 }", count: 1_100).joined(separator: ", ") + "]"
        let first = "  - &s { name: a, vip: \(tcpVIP), backends: { static: \(list) } }\n"
        let text = "services:\n" + first + String(repeating: "  - *s\n", count: 300)
        #expect(problems(ofServices: text).contains("unfolds to more than 400000 values; the rest is not checked"))
    }
}
