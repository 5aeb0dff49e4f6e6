// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// A daemon whose Consul is sick, through the daemon and with traffic: the last good answer stays, and shows its age.
@Suite(.serialized, .requiresFleet)
struct ConsulFaultTests {
    /// As `tools/lab-consul` has them, and what the daemon says of it.
    private static let faults = [
        ("busy", "429"), ("silent", "no answer"), ("forbidden", "ACL not found"), ("emptied", "no instance"),
        ("leaderless", "leader"), ("garbage", "JSON"),
    ]

    @Test func `whatever Consul answers, its last good answer stays, shows its age, and is followed by better ones`()
        async throws
    {
        try await Self.following(server: "consul", proxied: true) { site in
            for (fault, words) in Self.faults {
                // A question that may take a minute would find out in a minute; one after a failure does not wait.
                if fault == "silent" { try await site.fall(into: "busy", says: "429") }
                try await site.fall(into: fault, says: words)
                try await site.register("web3")
                try await until("\(fault): the age of its answer shows") { try await site.age() > 2 }
                #expect(try await site.backends() == ["web1", "web2"], "\(fault)")
                try site.say("pass")
                try await site.awaitFollowing("web1", "web2", "web3", after: fault)
                try await site.deregister("web3")
                try await site.awaitFollowing("web1", "web2", after: fault)
            }
        }
    }

    @Test func `an index that goes back, and answers that come late, are followed`() async throws {
        try await Self.following(server: "consul", proxied: true) { site in
            for fault in ["backwards", "slow"] {
                try site.say(fault)
                try await site.register("web3")
                try await site.awaitFollowing("web1", "web2", "web3", after: fault)
                try await site.deregister("web3")
                try await site.awaitFollowing("web1", "web2", after: fault)
            }
        }
    }

    @Test func `a Consul that is killed and started again is followed again`() async throws {
        try await Self.following(server: "consul", proxied: false) { site in
            try await site.lab.stop("consul", "KILL")
            try await until("it is noticed") { try await !site.warnings().isEmpty }
            try await until("its age shows") { try await site.age() > 2 }
            #expect(try await site.backends() == ["web1", "web2"])
            try await site.lab.tool(["serve", "consul"])
            try await site.register("web3")
            try await site.awaitFollowing("web1", "web2", "web3", after: "kill")
        }
    }

    @Test func `when the leader of three Consul servers is killed the others are followed`() async throws {
        try await Self.following(server: "consul3", proxied: false) { site in
            let leader = try await site.lab.run("router", "curl", "-sf", "http://10.2.0.254:8500/v1/status/leader")
            let port = try #require(Int(leader.filter { $0 != "\"" && $0 != "\n" }.suffix(4)))
            let start = ContinuousClock.now
            try await site.lab.stop("consul-\(port + 200)", "KILL")
            try await site.register("web3", at: [8500, 8510, 8520].filter { $0 != port + 200 })
            try await site.awaitFollowing("web1", "web2", "web3", after: "its leader's death")
            print("Consul's leader killed: what was registered since was in force \(ContinuousClock.now - start) later")
        }
    }

    @Test(arguments: [("", "No such file or directory"), ("0644", "everybody")])
    func `a token that is missing or for all to read is told in one line, and taken when it is right`(
        mode: String, words: String
    ) async throws {
        try await Lab.with { lab in
            let (site, token) = (ConsulSite(lab: lab, word: ""), "\(lab.edge.folder)/token")
            try await lab.tool(["serve", "consul"])
            try await site.register("web1")
            try Self.configure(lab.edge, ["http://\(FleetLab.router):8500"], ", token-file: \(token)")
            try lab.edge.write("anonymous\n", to: mode.isEmpty ? "other" : "token")
            if !mode.isEmpty { try await Command.run(["chmod", mode, token]) }
            try await lab.edge.launch()
            try await site.awaitWarning("is told") {
                $0.contains("there is no answer about web yet") && $0.contains(token) && $0.contains(words)
            }
            try lab.edge.write("anonymous\n", to: "token")
            try await Command.run(["chmod", "600", token])
            try await site.awaitFollowing("web1", after: "the token is right")
        }
    }

    // MARK: -

    private static func configure(_ edge: Edge, _ addresses: [String], _ more: String = "") throws {
        let list = addresses.map { "\"\($0)\"" }.joined(separator: ", ")
        try edge.configure([])
        try edge.edit(
            replacing: "services: services.yaml\n",
            with: "services: services.yaml\ndiscovery: { consul: { address: [\(list)], quiet: 50ms\(more) } }\n")
        try edge.write(FleetLab.service(), to: "services.yaml")
    }

    /// One edge that follows web1 and web2 in a Consul, under traffic of which no request may fail.
    private static func following(
        server: String, proxied: Bool, _ story: (ConsulSite) async throws -> Void
    ) async throws {
        try await Lab.with { lab in
            let site = ConsulSite(lab: lab, word: "\(lab.folder)/consul-says")
            try await lab.tool(["serve", server])
            let ports = server == "consul3" ? [8500, 8510, 8520] : [8500]
            let host = proxied ? "127.0.0.1" : FleetLab.router
            try configure(lab.edge, ports.map { "http://\(host):\($0)" })
            if proxied {
                try site.say("pass")
                try await lab.start(
                    "edge1", "consul-proxy", [Lab.tools + "/lab-consul", "8500", FleetLab.router, "8500", site.word])
                try await until("the proxy listens") { try lab.log("consul-proxy").contains("listening") }
            }
            try await site.register("web1", at: ports)
            try await site.register("web2", at: ports)
            try await lab.edge.start()
            try await site.awaitFollowing("web1", "web2", after: "start")
            let process = try lab.edge.process()
            let traffic = try await lab.stream()
            try await story(site)
            let tally = try await traffic.finish()
            #expect(tally.failed == 0 && tally.requests > 50, "\(tally)")
            #expect(try lab.edge.process() == process && lab.edge.isAlive)
        }
    }
}

/// The Consul of one edge, as seen from both ends.
private struct ConsulSite {
    let lab: Lab
    /// The file that tells the proxy what to do.
    let word: String

    func say(_ fault: String) throws { try fault.write(toFile: word, atomically: true, encoding: .utf8) }

    func fall(into fault: String, says words: String) async throws {
        try say(fault)
        try await awaitWarning("\(fault) is noticed") {
            $0.contains(words) && $0.contains("the last good answer of web stays")
        }
    }

    func awaitWarning(_ what: String, _ condition: (String) -> Bool) async throws {
        var said: [String] = []
        do {
            try await until(what, within: .seconds(90)) {
                guard try await lab.edge.answers else { return false }
                said = try await warnings()
                return said.contains(where: condition)
            }
        } catch let error {
            throw SystemError("\(error)", cause: "it says \(said)")
        }
    }

    /// In the catalog itself: no agent's checks stand behind it. Until one of the servers takes it.
    func register(_ web: String, at ports: [Int] = [8500]) async throws {
        let number = web.dropFirst(3)
        let service = #"{ "ID": "\#(web)", "Service": "web", "Address": "10.3.0.2\#(number)", "Port": 80 }"#
        let body = #"{ "Node": "plain", "Address": "10.3.0.2", "Service": \#(service) }"#
        try await ask("register", body, ports)
    }

    func deregister(_ web: String) async throws {
        try await ask("deregister", #"{ "Node": "plain", "ServiceID": "\#(web)" }"#, [8500])
    }

    private func ask(_ verb: String, _ body: String, _ ports: [Int]) async throws {
        try await until("Consul takes what is to \(verb)") {
            for port in ports {
                let output = try await Command.output(
                    [
                        Lab.tools + "/lab", "--name", lab.name, "exec", "router", "curl", "-sf", "-m", "5", "-X", "PUT",
                        "-d", body, "http://\(FleetLab.router):\(port)/v1/catalog/\(verb)",
                    ])
                if output.status == 0 { return true }
            }
            return false
        }
    }

    func warnings() async throws -> [String] {
        try await lab.edge.status().warnings.filter { $0.hasPrefix("catalog: ") }
    }

    /// Of what the daemon goes by, in seconds, as its metrics say.
    func age() async throws -> Double {
        let text = try await lab.run("edge1", "curl", "-sf", "http://127.0.0.1:9464/metrics")
        let line = text.split(separator: "\n").first { $0.hasPrefix("sluice_discovery_age_seconds{") }
        guard let word = line?.split(separator: " ").last, let age = Double(word) else {
            throw SystemError("read the age of discovery", cause: String(text.prefix(300)))
        }
        return age
    }

    func backends() async throws -> Set<String> {
        let all = try await lab.edge.backends().values.filter { $0.slots > 0 }
        return Set(all.map { $0.backend.replacing("plain/", with: "") })
    }

    /// Until new flows go to these, and nothing is wrong.
    func awaitFollowing(_ names: String..., after fault: String) async throws {
        var last: (Set<String>, [String]) = ([], [])
        do {
            try await until("\(names) are in force after \(fault)") {
                guard try await lab.edge.status().generation != nil else { return false }
                last = try await (backends(), warnings())
                return last == (Set(names), [])
            }
        } catch let error {
            throw SystemError("\(error)", cause: "it has \(last)")
        }
    }
}
