// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// What a newcomer does first, and all that the README tells to type.
@Suite(.serialized, .requires("root", "bpf", "netns", "nginx", "clang", "python3", "curl", "bpftool", "jq", "openssl"))
struct QuickstartTests {
    @Test func `the quickstart answers every request, and says so`() async throws {
        let output = try await Lab.place { name in
            try await Command.output(
                [Lab.tools + "/quickstart", "--name", name], within: 240, environment: ["SLUICE_PRODUCTS": Lab.products]
            )
        }
        #expect(output.status == 0, "\(output.text)\(output.errors)")
        #expect(output.errors.isEmpty, "\(output.errors)")
        let text = output.text
        for pattern in [
            #"\[4/6\] sluiced +web 10\.9\.9\.9:80/tcp, 3 backends, XDP native on eth0, program [0-9a-f]{4}"#,
            #"\[5/6\] traffic +5000 requests, 0 failed · 100 MB download, SHA-256 as sent"#,
            #"backend +table +requests +share"#, #"web3 +33\.3[0-9] % +[0-9]{4} +3[0-9]\.[0-9] %"#,
            #"web +forwarded +settled +[0-9]{4,}"#, #"slot +[0-9]+ of 16381, settled"#,
            #"web2 drained: 50 connections kept, 0 new · sluiced killed: 0 of [0-9]{3,} requests failed · "#
                + #"restarted: adopted [0-9]{2} pins"#,
            #"All requests were answered\."#,
        ] {
            let found = text.range(of: pattern, options: .regularExpression) != nil
            #expect(found, "\(pattern) is not in: \(text)")
        }
    }

    @Test func `a folder without the programs is named before anything is done`() async throws {
        let output = try await Command.output(
            [Lab.tools + "/quickstart"], environment: ["SLUICE_PRODUCTS": "/nonexistent/folder"])
        #expect(output.status == 1)
        #expect(
            output.errors == "quickstart: SLUICE_PRODUCTS names /nonexistent/folder, and there is no sluiced in it\n")
    }

    @Test func `a lab that a person made is refused, and left as it is`() async throws {
        try await Lab.with(backends: 1) { lab in
            let output = try await Command.output(
                [Lab.tools + "/quickstart", "--name", lab.name], environment: ["SLUICE_PRODUCTS": Lab.products])
            #expect(output.status == 1 && output.errors.contains("tools/lab --name \(lab.name) down"), "\(output)")
            #expect(try await lab.tool(["status"]).contains("web1"))
        }
    }

    /// An edge with the README's own documents: its looking commands end well there, its scripts exist, its files too.
    @Test func `all that the README tells to type can be typed`() async throws {
        let readme = try Readme()
        try await Lab.with { lab in
            let edge = lab.edge
            try edge.configure([])
            for (name, text) in readme.documents { try edge.write(text, to: name) }
            let kept = """
                datapath: { bpf-root: \(edge.pins) }
                directories: { state: \(edge.state), cache: \(lab.folder)/cache, run: \(edge.folder)/run, \
                bpf: \(RepositoryRoot.path)/bpf }
                admin: { group: root }
                """
            try edge.write(try #require(readme.documents["sluiced.yaml"]) + kept, to: "sluiced.yaml")
            try await edge.start()
            #expect(readme.commands.count > 15, "\(readme.commands)")
            for command in readme.commands { try await isRight(command, in: lab) }
        }
    }

    private func isRight(_ command: String, in lab: Lab) async throws {
        let words = command.split(separator: " ").map(String.init)
        let edge = lab.edge
        let output: Command.Output
        switch words[0] {
        case "sluicectl" where words.last == "--watch":
            try await lab.start(edge.name, "watch", ["\(Lab.products)/sluicectl"] + words.dropFirst())
            try await until("\(command) shows something") { try lab.log("watch").contains("REASON") }
            try await lab.stop("watch")
        case "sluicectl" where Self.wantsMore.contains(words[1]):
            try await isKnown(words.dropFirst().prefix { $0 != "--" }, on: edge)
        case "sluicectl":
            output = try await edge.output(words.dropFirst().map { $0.replacing("/etc/sluice", with: edge.folder) })
            // The README's backends are not in the lab: once its probes have seen that, the doctor says so.
            #expect(output.status == 0 || words[1] == "doctor", "\(command): \(output)")
            #expect(!output.text.isEmpty, "\(command): \(output)")
        case _ where words[0].hasPrefix("tools/"):
            output = try await Command.output(["\(RepositoryRoot.path)/\(words[0])", "--help"])
            let spoken = words.dropFirst().filter { output.text.contains($0) }
            #expect(output.status == 0 && spoken == Array(words.dropFirst()), "\(command): \(output)")
        case "install", "cp", "swift", "systemctl", "systemd-sysusers":
            for word in words where word.hasPrefix("bpf") || word.hasPrefix("tools/") {
                #expect(FileManager.default.fileExists(atPath: "\(RepositoryRoot.path)/\(word)"), "\(command)")
            }
        default:
            Issue.record("the README says '\(command)', which this test does not know")
        }
    }
}

extension QuickstartTests {
    /// Commands that want a fleet or a catalog, which this lab has not; other stories type them.
    private static let wantsMore: Set = [
        "apply", "confirm", "rollback", "freeze", "thaw", "generation", "host", "lock", "store", "template", "plan",
    ]
    private static let nouns: Set = ["generation", "host", "lock", "store"]

    /// The command is there, and has each option.
    private func isKnown(_ words: some Sequence<String>, on edge: Edge) async throws {
        let words = Array(words)
        let command = Array(words.prefix(Self.nouns.contains(words[0]) ? 2 : 1))
        let output = try await edge.output(command + ["--help"])
        let options = words.filter { $0.hasPrefix("--") }
        #expect(output.status == 0 && options.allSatisfy(output.text.contains), "\(words): \(output)")
        #expect(output.text.contains("USAGE: sluicectl \(command.joined(separator: " "))"), "\(words): \(output)")
    }
}

/// What README.md shows to be typed and to be written.
private struct Readme {
    /// Indented by four blanks; what stands two blanks further on is said about it.
    var commands: [String] = []
    /// YAML by the name of the file, which the first line says: `# /etc/sluice/services.yaml: what it does`.
    var documents: [String: String] = [:]

    init() throws {
        let text = try String(contentsOfFile: "\(RepositoryRoot.path)/README.md", encoding: .utf8)
        var document: (name: String, lines: [Substring])?
        var isFenced = false
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            if line.hasPrefix("```") {
                // The first of a name stands alone; later ones show what may be added.
                if let document, documents[document.name] == nil {
                    documents[document.name] = document.lines.joined(separator: "\n") + "\n"
                }
                isFenced.toggle()
                document = isFenced && line == "```yaml" ? ("", []) : nil
            } else if document != nil {
                if let path = line.split(separator: ":").first, line.hasPrefix("# /") {
                    document?.name = String(path.split(separator: "/").last ?? "")
                }
                document?.lines.append(line)
            } else if !isFenced, line.hasPrefix("    ") {
                let command = line.dropFirst(4).replacing(#/ {2,}.*/#, with: "")
                commands += command.components(separatedBy: " && ")
            }
        }
    }
}
