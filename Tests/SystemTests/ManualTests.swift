// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// What a person reads before typing: manual pages and completions, both from the programs themselves.
@Suite(.requires("python3"))
struct ManualTests {
    private static let commands = [
        "plan",
        "lock run", "lock status", "store status", "store backup", "store restore", "store copy", "service why",
        "check", "apply", "confirm", "rollback", "freeze", "thaw", "generation list", "generation show",
        "generation diff", "host list", "host forget", "service list", "service show", "backend list",
        "backend drain", "backend enable", "map list", "map show", "map dump", "map verify", "explain", "flow list",
        "route list",
        "stats", "doctor", "bench datapath",
        "bench control", "uninstall",
    ]

    @Test func `the manual has a section for every command, and all exit codes`() async throws {
        let folder = try TemporaryDirectory()
        try await Command.run([Lab.tools + "/manual", folder.path, Lab.products])
        let page = try String(contentsOfFile: "\(folder.path)/sluicectl.8", encoding: .utf8)
        for command in Self.commands {
            #expect(page.contains(".Ss \"sluicectl \(command)\"\n"), "\(command)")
        }
        #expect(page.matches(of: /\.It [0-8]\n/).count == 9)
        let daemon = try String(contentsOfFile: "\(folder.path)/sluiced.8", encoding: .utf8)
        #expect(daemon.contains(".Ss \"sluiced run\"\n") && daemon.contains(".Ss \"sluiced decap\"\n"))
    }

    @Test(.requires("groff")) func `troff takes the manual without a warning`() async throws {
        let folder = try TemporaryDirectory()
        try await Command.run([Lab.tools + "/manual", folder.path, Lab.products])
        for program in ["sluicectl", "sluiced"] {
            let output = try await Command.output(["groff", "-mdoc", "-ww", "-z", "\(folder.path)/\(program).8"])
            #expect(output.status == 0 && output.errors.isEmpty, "\(output)")
        }
    }

    @Test(arguments: ["bash", "zsh", "fish"])
    func `the tool completes its commands in every shell`(shell: String) async throws {
        let script = try await Command.run(["\(Lab.products)/sluicectl", "--generate-completion-script", shell])
        for word in ["verify", "drain", "doctor"] { #expect(script.contains(word), "\(word)") }
    }
}
