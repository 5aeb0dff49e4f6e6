// SPDX-License-Identifier: Apache-2.0

import Documents
import Foundation
import Model
import TestSupport
import Testing

@Suite struct `The examples that are installed` {
    private let folder = RepositoryRoot.path + "/tools/packaging"

    @Test func `hold a host's configuration, mostly the defaults`() throws {
        let configuration = try HostConfiguration.load(path: folder + "/sluiced.yaml")
        var expected = HostConfiguration(host: configuration.host, interfaces: ["eth0"])
        expected.services = folder + "/services.yaml"
        #expect(configuration == expected)
    }

    @Test func `hold services without a warning`() throws {
        let document = try ServicesDocument.load(path: folder + "/services.yaml")
        #expect(document.warnings.isEmpty)
        #expect(
            document.desired.entries.map(notation) == [
                "web 192.0.2.10:443/tcp ipip -> web1 10.0.1.4 w10, web2 10.0.1.5 w10, web3 10.0.2.4 w5",
                "dns [2001:db8::53]:53/udp gue -> "
                    + "[2001:db8:1::4]:53 2001:db8:1::4 w1, [2001:db8:1::5]:53 2001:db8:1::5 w1",
            ])
    }

    @Test func `hold fleets, discoveries and templates that are read without a word once they are no comments`() throws
    {
        let blocks = try commented(["coordination", "discovery", "templates"])
        #expect(blocks.count == 6)
        for block in blocks {
            let text = "host: edge-1\ninterfaces: [eth0]\n" + block
            let configuration = try HostConfiguration.parse(text: text, file: "sluiced.yaml")
            let says = [
                configuration.coordination.isShared, configuration.discovery != nil, !configuration.templates.isEmpty,
            ]
            #expect(says.contains(true), "\(block)")
        }
    }

    @Test func `name every key that the readers ask for`() throws {
        let examples = try ["sluiced.yaml", "services.yaml"].map { try text("tools/packaging/\($0)") }.joined()
        let sources = RepositoryRoot.path + "/Sources/Documents"
        var keys: Set<String> = []
        for name in try FileManager.default.contentsOfDirectory(atPath: sources) where name.hasSuffix("Reader.swift") {
            let source = try text("Sources/Documents/\(name)")
            let asked = source.matches(of: #/(?:fields|\$0)\??\["([a-z0-9-]+)"\]|required\("([a-z0-9-]+)"\)/#)
            keys.formUnion(asked.compactMap { ($0.output.1 ?? $0.output.2).map(String.init) })
        }
        #expect(keys.count > 60)
        let missing = keys.filter { key in
            !examples.contains("\(key):") && !examples.contains("\(key), ") && !examples.contains("\(key) ")
        }
        #expect(missing.isEmpty, "not in tools/packaging: \(missing.sorted())")
    }

    private func text(_ path: String) throws -> String {
        try String(contentsOfFile: "\(RepositoryRoot.path)/\(path)", encoding: .utf8)
    }

    /// The mappings of these names that stand in comments, without the signs of a comment.
    private func commented(_ names: [String]) throws -> [String] {
        var blocks: [String] = []
        var isInside = false
        for line in try text("tools/packaging/sluiced.yaml").split(separator: "\n", omittingEmptySubsequences: false) {
            if names.contains(where: { line == "# \($0):" }) {
                blocks.append("")
                isInside = true
            } else if !line.hasPrefix("#   ") {
                isInside = false
            }
            if isInside { blocks[blocks.count - 1] += line.dropFirst(2) + "\n" }
        }
        return blocks
    }
}
