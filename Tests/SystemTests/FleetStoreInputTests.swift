// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// A store that is there and is not as it should be: one line says what is so, each command has the exit code for it,
/// and what runs goes on.
@Suite(
    .serialized,
    .requires("root", "bpf", "netns", "nginx", "clang", "python3", "curl", "etcd", "etcdctl", "openssl"))
struct FleetStoreInputTests {
    @Test func `a wrong password is told in one line, and ends a change with 7`() async throws {
        try await StoreSite.with { site in
            for words in ["user add root:secret", "user grant-role root root", "user add edge:word", "auth enable"] {
                try await site.etcd(words.split(separator: " ").map(String.init))
            }
            try site.configure()
            try site.lab.edge.write("other\n", to: "password")
            try await Command.run(["chmod", "600", "\(site.lab.edge.folder)/password"])
            let password = "password-file: \(site.lab.edge.folder)/password"
            try await site.launch(", user: edge, \(password)")
            try await site.expect("authenticate as edge", status: 7)
        }
    }

    @Test func `a certificate of another authority is told in one line, and ends a change with 4`() async throws {
        try await StoreSite.with(tls: true) { site in
            try await site.launch(", tls: { ca: \(site.lab.folder)/wrong.pem }")
            try await site.expect("CERTIFICATE_VERIFY_FAILED", status: 4)
        }
    }

    @Test func `a store of another fleet is told in one line, and ends a change with 1`() async throws {
        try await StoreSite.with { site in
            try await site.etcd(["put", "sluice/sluice/store", "other 00112233445566778899aabbccddeeff"])
            try await site.launch()
            try await site.expect("the store belongs to fleet other, this host to sluice", status: 1)
        }
    }

    @Test(arguments: ["hello", #"{"schema":9}"#])
    func `documents that cannot be read are named, what runs goes on, and a good one is followed`(text: String)
        async throws
    {
        try await StoreSite.with { site in
            let edge = site.lab.edge
            try await site.launch()
            try edge.write(Service.document([Service(backends: Service.webs(1))]), to: "wanted.yaml")
            try await edge.ctl("apply", "\(edge.folder)/wanted.yaml")
            try await until("it is in force") { try await edge.fleetStatus()?.generation != nil }
            let traffic = try await site.lab.stream()
            for key in ["desired", "current"] {
                let good = try await site.etcd(["get", "--print-value-only", "sluice/sluice/\(key)"])
                try await site.etcd(["put", "sluice/sluice/\(key)", text])
                try await site.awaitProblem {
                    $0.contains(key == "desired" ? "the desired document: " : "read what is published ")
                }
                #expect(try await edge.backends()["web1"]?.slots ?? 0 > 0)
                try await site.etcd(["put", "sluice/sluice/\(key)", String(good.dropLast())])
            }
            try edge.write(Service.document([Service(backends: Service.webs(2))]), to: "wanted.yaml")
            try await edge.ctl("apply", "\(edge.folder)/wanted.yaml")
            try await until("the good one is followed") { try await edge.backends()["web2"]?.slots ?? 0 > 0 }
            try await until("nothing is wrong") { try await edge.fleetStatus()?.problems == [] }
            let tally = try await traffic.finish()
            #expect(tally.failed == 0 && tally.requests > 0, "\(tally)")
        }
    }

    @Test func `two hosts with one name both say so`() async throws {
        try await StoreSite.with(edges: 2) { site in
            let (one, other) = (site.lab.edges[0], site.lab.edges[1])
            try await site.launch()
            try await site.launch(on: other) { $0.replacing("host: edge2", with: "host: edge1") }
            for edge in [one, other] {
                try await site.awaitProblem(on: edge) {
                    $0 == "another host reports as edge1: give each a name of its own"
                }
            }
        }
    }

    @Test func `a lease shorter than the rules allow keeps the daemon from starting, with status 1`() async throws {
        try await StoreSite.with { site in
            try site.configure(", lease: 2s, renew: 2s")
            let output = try await site.lab.edge.daemon()
            #expect(output.status == 1)
            #expect(output.errors.contains("the lease of 2s has to be longer than the time to renew it"), "\(output)")
        }
    }
}

/// An etcd with a fleet's identity in it, and edges that are to follow it.
private struct StoreSite {
    let lab: Lab
    let url: String

    static func with(edges: Int = 1, tls: Bool = false, _ story: (StoreSite) async throws -> Void) async throws {
        try await Lab.with(edges: edges, backends: 2) { lab in
            let site = StoreSite(lab: lab, url: "\(tls ? "https" : "http")://\(FleetLab.router):2379")
            let urls = ["--listen-client-urls", site.url, "--advertise-client-urls", site.url]
            let files = tls ? ["--cert-file", "\(lab.folder)/right.pem", "--key-file", "\(lab.folder)/right.key"] : []
            if tls { for name in ["right", "wrong"] { try await site.certify(name) } }
            try await lab.start(
                "router", "etcd",
                [Requirement.path(of: "etcd") ?? "etcd", "--data-dir", "\(lab.folder)/etcd"] + urls + files)
            try await until("etcd answers") {
                let look = [Lab.tools + "/lab", "--name", lab.name] + site.client + ["endpoint", "health"]
                return try await Command.output(look).status == 0
            }
            try await site.etcd(["put", "sluice/sluice/store", "sluice 00112233445566778899aabbccddeeff"])
            try await story(site)
        }
    }

    private func certify(_ name: String) async throws {
        let file = "\(lab.folder)/\(name)"
        try await Command.run(
            [
                "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                "-days",
                "2", "-subj", "/CN=t", "-addext", "subjectAltName=IP:\(FleetLab.router)", "-keyout", "\(file).key",
                "-out",
                "\(file).pem",
            ])
    }

    private var client: [String] {
        let trust = url.hasPrefix("https") ? ["--cacert", "\(lab.folder)/right.pem"] : []
        return ["exec", "router", "env", "ETCDCTL_API=3", "etcdctl", "--endpoints=\(url)"] + trust
    }

    @discardableResult
    func etcd(_ words: [String]) async throws -> String { try await lab.tool(client + words) }

    /// - Parameter more: of `coordination`.
    func configure(_ more: String = "", on edge: Edge? = nil) throws {
        let edge = edge ?? lab.edge
        try edge.configure([])
        let times = more.contains("lease") ? "" : ", lease: 3s, renew: 2s, retry: 400ms"
        try edge.edit(
            replacing: "services: services.yaml\n",
            with: "coordination: { store: etcd, address: \"\(url)\"\(times)\(more) }\n")
    }

    func launch(_ more: String = "", on edge: Edge? = nil, _ change: (String) -> String = { $0 }) async throws {
        let edge = edge ?? lab.edge
        try configure(more, on: edge)
        let text = try String(contentsOfFile: "\(edge.folder)/sluiced.yaml", encoding: .utf8)
        try edge.write(change(text), to: "sluiced.yaml")
        try await edge.launch()
        try await until("the daemon answers") { try await edge.answers }
    }

    /// The daemon says it, and so do a change through it and a look past it, which end with this.
    func expect(_ words: String, status: Int32) async throws {
        try await awaitProblem { $0.contains(words) && !$0.contains("\n") }
        try lab.edge.write(Service.document([Service(backends: Service.webs(1))]), to: "wanted.yaml")
        for command in [["apply", "\(lab.edge.folder)/wanted.yaml"], ["store", "status"]] {
            let output = try await lab.edge.output(command)
            #expect(output.status == status && output.errors.contains(words), "\(command): \(output)")
        }
    }

    func awaitProblem(on edge: Edge? = nil, _ condition: (String) -> Bool) async throws {
        var said: [String] = []
        do {
            try await until("it says what is wrong") {
                said = try await (edge ?? lab.edge).fleetStatus()?.problems ?? []
                return said.contains(where: condition)
            }
        } catch let error {
            throw SystemError("\(error)", cause: "it says \(said)")
        }
    }
}
