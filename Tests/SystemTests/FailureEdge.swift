// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport

/// An edge under conditions that no operator wishes for.
extension Edge {
    /// Replaces a text in one of its documents; it must be there.
    func edit(_ file: String = "sluiced.yaml", replacing old: String, with new: String) throws {
        let text = try String(contentsOfFile: "\(folder)/\(file)", encoding: .utf8)
        guard text.contains(old) else { throw SystemError("edit \(file)", cause: "there is no '\(old)' in it") }
        try write(text.replacing(old, with: new), to: file)
    }

    /// Gives it a copy of the kernel programs' sources and an empty cache, and answers the copy's path.
    func copySources() throws -> String {
        let copy = "\(folder)/bpf"
        // What a link leads to, not the link: the copy is there to be damaged.
        try Shell.run("cp -rL \(RepositoryRoot.path)/bpf \(copy)")
        try edit(replacing: "bpf: \(RepositoryRoot.path)/bpf", with: "bpf: \(copy)")
        try edit(replacing: "/\(lab)/cache", with: "/\(lab)/\(name)/cache")
        return copy
    }

    /// Makes the copy of the program one that compiles and that no verifier accepts.
    func breakProgram(in sources: String) throws {
        let path = "\(sources)/steer.bpf.c"
        let text = try String(contentsOfFile: path, encoding: .utf8)
        let begin = "int steer(struct xdp_md *ctx)\n{\n"
        guard text.contains(begin) else { throw SystemError("break \(path)", cause: "its entry is not found") }
        let beyond = "\tif (*(volatile __u64 *)((void *)(long)ctx->data_end + 4096))\n\t\treturn XDP_DROP;\n"
        try text.replacing(begin, with: begin + beyond).write(toFile: path, atomically: true, encoding: .utf8)
    }

    /// Starts the daemon with these settings of its environment, without waiting for it.
    func launch(with settings: String...) async throws {
        try await Command.run(
            [Lab.tools + "/lab", "--name", lab, "start", name, "sluiced-\(name)", "/usr/bin/env"] + settings
                + ["\(Lab.products)/sluiced", "--config", "\(folder)/sluiced.yaml"])
    }

    /// Runs a daemon that is expected to end by itself at once.
    func daemon(config: String? = nil) async throws -> Command.Output {
        try await Command.output(
            [
                Lab.tools + "/lab", "--name", lab, "exec", name, "\(Lab.products)/sluiced", "--config",
                config ?? "\(folder)/sluiced.yaml",
            ], within: 20)
    }

    /// Has the daemon read its services document, and answers what it said.
    func reloadAnswer() async throws -> String {
        try await Command.run(
            ["curl", "-sS", "-X", "POST", "--unix-socket", "\(folder)/run/sluiced.sock", "http://localhost/v1/reload"])
    }

    /// Whether its admin socket is served.
    var answers: Bool {
        get async throws {
            let look = ["curl", "-sf", "--unix-socket", "\(folder)/run/sluiced.sock", "http://localhost/v1/status"]
            return try await Command.output(look, within: 10).status == 0
        }
    }

    /// What the daemon counted of generations that it did not take.
    struct Refusals: Decodable {
        var refused: UInt64
        var fenced: UInt64
    }

    func refusals() async throws -> Refusals {
        let text = try await Command.run(
            ["curl", "-sSf", "--unix-socket", "\(folder)/run/sluiced.sock", "http://localhost/v1/status"])
        return try JSON.read(text, as: Refusals.self)
    }

    /// The id of the XDP program that an interface runs, nil without one.
    func attachedProgram(on interface: String = "eth0") async throws -> Int? {
        struct Link: Decodable {
            struct Attachment: Decodable {
                struct Program: Decodable { var id: Int }
                var prog: Program?
            }
            var xdp: Attachment?
        }
        let text = try await Command.run(["ip", "-n", "\(lab)-\(name)", "-j", "link", "show", "dev", interface])
        return try JSON.read(text, as: [Link].self).first?.xdp?.prog?.id
    }
}
