// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// What a person types to change a fleet: one edge with a real etcd.
@Suite(.serialized, .requires("root", "bpf", "netns", "nginx", "clang", "python3", "curl", "etcd", "etcdctl"))
struct FleetCommandTests {
    private static let etcd = "http://10.2.0.254:2379"

    /// An edge that leads a fleet of its own and has applied a service of these backends.
    private func with(candidate: Bool = true, _ story: (Edge) async throws -> Void) async throws {
        try await Lab.with(backends: 2) { lab in
            let store = ["--listen-client-urls", Self.etcd, "--advertise-client-urls", Self.etcd]
            try await lab.start(
                "router", "etcd",
                [Requirement.path(of: "etcd") ?? "etcd", "--data-dir", "\(lab.folder)/etcd"] + store)
            let client = ["exec", "router", "env", "ETCDCTL_API=3", "etcdctl", "--endpoints=\(Self.etcd)"]
            try await until("etcd answers") {
                let look = [Lab.tools + "/lab", "--name", lab.name] + client + ["endpoint", "health"]
                return try await Command.output(look).status == 0
            }
            try lab.edge.configure([])
            try lab.edge.edit(
                replacing: "services: services.yaml\n",
                with: "coordination: { store: etcd, address: \(Self.etcd), lease: 3s, renew: 2s, retry: 400ms, "
                    + "candidate: \(candidate) }\n")
            // Nobody leads a store without an identity.
            try await lab.edge.ctl("store", "restore", "--new", "--above", "7")
            try await lab.edge.launch()
            try await until("the daemon answers") { try await lab.edge.answers }
            guard candidate else { return try await story(lab.edge) }
            try await lab.edge.applies(backends: 1, says: "desired version 1")
            try await lab.edge.awaits("it is published") { $0.contains("*") }
            try await story(lab.edge)
        }
    }

    @Test func `documents are applied, compared, and desired again by a generation's number`() async throws {
        try await with { edge in
            try await edge.applies(backends: 1, says: "nothing new, version 1")
            let bad = ["exec", "router", "env", "ETCDCTL_API=3", "etcdctl", "--endpoints=\(Self.etcd)", "put"]
            // A report that nobody can read keeps nobody from a change.
            try await Command.run(
                [Lab.tools + "/lab", "--name", edge.lab] + bad + ["sluice/sluice/host/edge9", "garbage"])
            let blind = try await edge.applied(backends: 2)
            #expect(blind.status == 0 && blind.text.contains("desired version 2"), "\(blind)")
            #expect(blind.errors.contains("it is in the store; what became of it is not known"), "\(blind)")
            let gone = bad.dropLast() + ["del", "sluice/sluice/host/edge9"]
            try await Command.run([Lab.tools + "/lab", "--name", edge.lab] + gone)
            try await edge.applies(backends: 1, says: "in force as generation 8.")
            try await edge.applies(backends: 2, says: "in force as generation 8.")
            try await edge.awaitBackends(["web1", "web2"])
            let doctor = try await edge.output(["doctor"])
            #expect(doctor.text.contains("ok    leader: edge1 leads, epoch 8"), "\(doctor)")
            let diff = try await edge.output(["generation", "diff", "1"])
            #expect(diff.status == 3 && diff.text.contains("name: web2"), "\(diff)")
            #expect(try await edge.ctl("generation", "show").contains("web  10.9.9.9:80/tcp -> web1, web2"))
            #expect(try await edge.output(["rollback", "1"]).text.contains("desired version 5"))
            try await edge.awaits("the old document is in force again") { $0.contains("       5  root") }
            let unknown = try await edge.output(["rollback", "999"])
            #expect(unknown.status == 1 && unknown.errors.contains("was never published"), "\(unknown)")
        }
    }

    @Test func `a frozen fleet publishes nothing until it is thawed`() async throws {
        try await with { edge in
            try await edge.ctl("freeze", "--reason", "moving")
            #expect(try await edge.ctl("host", "list").contains("FROZEN: by root (uid 0): moving"))
            #expect(try await edge.output(["freeze"]).status == 1)
            let frozen = try await edge.applied(backends: 2)
            #expect(frozen.status == 0 && frozen.errors.contains("go on:  sluicectl thaw"), "\(frozen)")
            // What was on its way when it was frozen may still come, but not this.
            let active = try await edge.backends().values.filter { $0.slots > 0 }.map(\.backend)
            #expect(active == ["web1"])
            try await edge.ctl("thaw")
            try await edge.awaitBackends(["web1", "web2"])
        }
    }

    @Test func `a change on trial is rolled back or confirmed, once`() async throws {
        try await with { edge in
            let trial = ["--confirm-within", "5m"]
            try await edge.applies(backends: 2, trial, says: "sluicectl confirm  or  sluicectl rollback")
            try await edge.awaitBackends(["web1", "web2"])
            #expect(try await edge.ctl("host", "list").contains("unconfirmed on all hosts"))
            let second = try await edge.output(["apply", "\(edge.folder)/wanted.yaml", "--canary", edge.name])
            #expect(second.status == 1 && second.errors.contains("sluicectl confirm"), "\(second)")
            try await edge.ctl("rollback")
            try await edge.awaitBackends(["web1"])
            let list = try await edge.ctl("host", "list")
            #expect(list.contains("by root (uid 0): rolled back by root (uid 0)"), "\(list)")
            try await until("the rollback is carried out") {
                try await edge.output(["apply", "\(edge.folder)/wanted.yaml"] + trial).status == 0
            }
            try await edge.ctl("confirm")
            #expect(try await edge.output(["confirm"]).status == 1)
            try await edge.awaitBackends(["web1", "web2"])
        }
    }

    @Test func `a document that nobody publishes is told so, with the code for nobody leads`() async throws {
        try await with(candidate: false) { edge in
            let output = try await edge.applied(backends: 1)
            #expect(output.status == 5 && output.text.contains("desired version 1"), "\(output)")
            #expect(output.errors.contains("nobody leads") && output.errors.contains("sluicectl doctor"), "\(output)")
            #expect(try await edge.ctl("host", "list").contains("NOBODY LEADS"))
            try await until("its metrics have the epoch that the store knows") {
                let look = ["exec", edge.name, "curl", "-s", "http://127.0.0.1:9464/metrics"]
                let metrics = try await Command.output([Lab.tools + "/lab", "--name", edge.lab] + look)
                return metrics.text.contains("sluice_leader_epoch 7")
            }
        }
    }

    @Test func `a drain lies in the store with its reason, and a host that lives is not forgotten`() async throws {
        try await with { edge in
            try await edge.applies(backends: 2, says: "desired version 2")
            try await edge.awaitBackends(["web1", "web2"])
            try await edge.ctl("backend", "drain", "web", "web1", "--reason", "disk", "--for", "1h")
            #expect(try await edge.ctl("backend", "list").contains("root: disk"))
            try await edge.ctl("backend", "enable", "web", "web1")
            let living = try await edge.output(["host", "forget", edge.name])
            #expect(living.status == 1 && living.errors.contains("still reports"), "\(living)")
            #expect(try await edge.output(["host", "forget", "edge9"]).status == 1)
        }
    }
}

extension Edge {
    /// What applying a document of so many backends says.
    fileprivate func applied(backends: Int, _ options: [String] = []) async throws -> Command.Output {
        try write(Service.document([Service(backends: Service.webs(backends))]), to: "wanted.yaml")
        return try await output(["apply", "\(folder)/wanted.yaml"] + options)
    }

    /// Applies a document of so many backends.
    fileprivate func applies(backends: Int, _ options: [String] = [], says words: String) async throws {
        let output = try await applied(backends: backends, options)
        guard output.status == 0, output.text.contains(words) else {
            throw SystemError("apply", cause: "\(output), not: \(words)")
        }
    }

    /// Waits for what `generation list` says.
    fileprivate func awaits(_ what: String, _ condition: (String) -> Bool) async throws {
        try await until(what) { condition(try await output(["generation", "list"]).text) }
    }

    /// Waits until these have shares of the table, and no others.
    fileprivate func awaitBackends(_ names: Set<String>) async throws {
        try await until("\(names) take new flows") {
            guard try await status().generation != nil else { return false }
            return Set(try await backends().values.filter { $0.slots > 0 }.map(\.backend)) == names
        }
    }
}
