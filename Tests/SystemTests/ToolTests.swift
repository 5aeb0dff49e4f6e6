// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// What `sluicectl` says, and the code it ends with, in the states that a person meets.
@Suite(.serialized, .requires("root", "bpf", "netns", "nginx", "clang", "python3", "curl", "setpriv"))
struct ToolTests {
    private static let web = Service(backends: Service.webs(3))
    private static let looks = [
        ["service", "list"], ["backend", "list"], ["map", "list"], ["map", "verify"], ["stats"], ["flow", "list"],
        ["explain", "--src", "\(Lab.client):1", "--dst", "\(Lab.vip):80"],
    ]

    @Test func `who may not look gets 7, and where nothing is there 4, each with what to type`() async throws {
        try await Lab.with { lab in
            try lab.edge.configure([Self.web])
            for look in Self.looks {
                let output = try await lab.edge.output(look)
                #expect(output.status == 4 && output.errors.contains("\n  start "), "\(look): \(output)")
            }
            let drain = ["backend", "drain", "web", "web1"]
            let dead = try await lab.edge.output(drain)
            #expect(dead.status == 4 && dead.errors.contains("there is no socket\n  is it running?"), "\(dead)")

            try await lab.edge.start()
            for look in Self.looks {
                let output = try await nobody(look, in: lab)
                let remedy = "permission denied\n  be root:  sudo sluicectl \(look.joined(separator: " "))\n"
                #expect(output.status == 7 && output.errors.hasSuffix(remedy), "\(look): \(output)")
            }
            let denied = try await nobody(drain, in: lab)
            #expect(denied.status == 7 && denied.errors.contains("be root or a member of its group"), "\(denied)")
        }
    }

    private func nobody(_ arguments: [String], in lab: Lab) async throws -> Command.Output {
        try await lab.shell("chmod a+x /run/sluice-lab \(lab.folder) \(lab.edge.folder)")
        // The tool's own words come first in its remedy, so the configuration is told by the environment.
        return try await Command.output(
            ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
                + ["env", "SLUICE_CONFIG=\(lab.edge.folder)/sluiced.yaml", "\(Lab.products)/sluicectl"] + arguments)
    }

    @Test func `a name that is not there is answered with the nearest`() async throws {
        try await Lab.with { lab in
            try lab.edge.configure([Self.web])
            try await lab.edge.start()
            let rows = [
                (["service", "show", "wbe"], "there is no service 'wbe'; did you mean 'web'?", 1),
                (["backend", "drain", "wbe", "web1"], "there is no service 'wbe'; did you mean 'web'?", 1),
                (["backend", "drain", "web", "wbe1"], "service 'web' has no backend 'wbe1'; did you mean 'web1'?", 1),
                (["backend", "enable", "web", "web1"], "web/web1 is not drained by a person", 1),
                (["sevice", "list"], "there is no 'sluicectl sevice'; did you mean 'service'?", 2),
                (["flow", "list", "--limit", "0"], "Error: --limit: 0 is no number of records", 2),
                (["flow", "list", "--limit=-1"], "Error: --limit: -1 is no number of records", 2),
                (["map", "verfy"], "there is no 'sluicectl map verfy'; did you mean 'verify'?", 2),
            ]
            for (words, line, status) in rows {
                let output = try await lab.edge.output(words)
                #expect(output.status == status && output.errors.hasPrefix(line), "\(words): \(output)")
            }
        }
    }

    @Test func `every change over the admin socket is noted: who, what, upon which digest`() async throws {
        try await Lab.with { lab in
            let edge = lab.edge
            try edge.configure([Self.web])
            try await edge.start()
            let digest = try #require(try await edge.status().generation?.digest)
            try await edge.ctl("backend", "drain", "web", "web1", "--force", "--reason", "disk")
            struct Enabled: Decodable { var enabled: Bool }
            #expect(try await edge.ctl("backend", "enable", "web", "web1", as: Enabled.self).enabled)
            try await edge.reload()
            let lines = try edge.logged().split(separator: "\n").filter { $0.contains("change made") }
            #expect(lines.count == 3, "\(lines)")
            let words = ["by=root", "uid=0", "change=drain", "subject=web/web1", "force=true", "digest=\(digest)"]
            for word in words { #expect(lines.first?.contains(word) == true, "\(word): \(lines)") }
        }
    }

    @Test func `verify reports no change that is under way`() async throws {
        try await Lab.with(fabric: "flat") { lab in
            var service = Self.web
            try lab.edge.configure([service])
            try await lab.edge.start()
            for round in 1...6 {
                for number in service.backends.indices { service.backends[number].weight = 1 + (round + number) % 3 }
                // Its next hop is nowhere: the generation is accepted, and waits two seconds.
                service.backends[2].address = "10.3.0.\(100 + round)"
                try lab.edge.write(Service.document([service]), to: "services.yaml")
                try await lab.edge.reload()
                for _ in 1...3 {
                    let verify = try await lab.edge.output(["map", "verify"])
                    #expect(verify.status == 0, "\(verify)")
                }
            }
        }
    }

    @Test func `what is accepted is told from what is in force`() async throws {
        try await Lab.with(fabric: "flat") { lab in
            var service = Self.web
            try lab.edge.configure([service])
            try await lab.edge.start()
            service.backends[2].address = "10.3.0.99"
            try lab.edge.write(Service.document([service]), to: "services.yaml")
            try await lab.edge.reload()
            try await until("the list tells both", within: .seconds(5)) {
                try await lab.edge.ctl("service", "list").contains("accepted 1.2, in force 1.1")
            }
            try await until("it is in force", within: .seconds(10)) {
                try await !lab.edge.ctl("service", "list").contains("accepted")
            }
        }
    }

    @Test func `watching sees services that come later, a JSON object a line`() async throws {
        try await Lab.with { lab in
            try lab.edge.configure([Self.web])
            try await lab.edge.start()
            let config = "\(lab.edge.folder)/sluiced.yaml"
            try await lab.start(
                "edge1", "watch",
                ["\(Lab.products)/sluicectl", "stats", "--watch", "-o", "json", "--config", config])
            let later = Service(name: "later", vip: "10.9.9.10", backends: Service.webs(3))
            try await lab.edge.apply([Self.web, later])
            _ = try await lab.requests(20)
            try await lab.run("client", "curl", "-sf", "-o", "/dev/null", "http://10.9.9.10/")
            try await until("the new service is seen") { try lab.log("watch").contains(#""service":"later""#) }
            try await lab.stop("watch")
            struct Row: Decodable { var time: Double }
            for line in try lab.log("watch").split(separator: "\n").dropLast() {
                #expect(try JSON.read(line, as: Row.self).time > 0)
            }
        }
    }
}
