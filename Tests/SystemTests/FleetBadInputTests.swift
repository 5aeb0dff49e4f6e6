// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// Settings of a fleet that are wrong, and stores that are not there: one line says what is so and what to do.
@Suite(.serialized, .requires("root", "bpf", "netns", "nginx", "clang", "python3", "curl"))
struct FleetBadInputTests {
    /// An etcd that nobody runs.
    private static let nowhere = "http://10.2.0.254:2379"

    private func join(_ edge: Edge, _ more: String = "", services: String = "") throws {
        try edge.configure([])
        try edge.edit(
            replacing: "services: services.yaml\n",
            with: "\(services)coordination: { store: etcd, address: \(Self.nowhere)\(more) }\n")
    }

    @Test func `a services file beside a shared store is refused at the start`() async throws {
        try await Lab.with(backends: 1) { lab in
            try join(lab.edge, services: "services: services.yaml\n")
            let output = try await lab.edge.daemon()
            #expect(output.status == 1)
            #expect(output.errors.contains("with store etcd the services lie in the store: remove the key"))
        }
    }

    @Test func `without its store a host runs, says so, and refuses changes with their own exit code`() async throws {
        try await Lab.with(backends: 1) { lab in
            try join(lab.edge)
            try await lab.edge.launch()
            try await until("the daemon answers") { try await lab.edge.answers }
            try lab.edge.write(Service.document([Service(backends: Service.webs(1))]), to: "wanted.yaml")
            let file = "\(lab.edge.folder)/wanted.yaml"
            for command in [["apply", file], ["freeze"], ["rollback"], ["host", "list"], ["generation", "list"]] {
                let output = try await lab.edge.output(command)
                #expect(output.status == 4, "\(command): \(output)")
                #expect(output.errors.contains("etcd at \(Self.nowhere)"), "\(command): \(output.errors)")
            }
            #expect(try await lab.edge.status().problems.contains { $0.contains(Self.nowhere) })
            let doctor = try await lab.edge.output(["doctor"])
            #expect(
                doctor.status == 1 && doctor.text.contains("FAIL  etcd at \(Self.nowhere): cannot be used"), "\(doctor)"
            )
        }
    }

    @Test(arguments: [
        ("0644", "everybody on this host may use it: chmod o= "), ("", "No such file or directory"),
    ])
    func `a password that is missing or for all to read is named in one line`(mode: String, words: String)
        async throws
    {
        try await Lab.with(backends: 1) { lab in
            let file = "\(lab.edge.folder)/password"
            try join(lab.edge, ", user: edge, password-file: \(file)")
            if !mode.isEmpty {
                try lab.edge.write("secret\n", to: "password")
                try await Command.run(["chmod", mode, file])
            }
            try await lab.edge.launch()
            try await until("it says why it cannot stand for election") {
                guard try await lab.edge.answers else { return false }
                return try await lab.edge.status().problems.contains { $0.contains(file) && $0.contains(words) }
            }
        }
    }

    @Test func `a host alone has no fleet to change`() async throws {
        try await Lab.with(backends: 1) { lab in
            try lab.edge.configure([Service(backends: Service.webs(1))])
            try await lab.edge.start()
            let output = try await lab.edge.output(["apply", "\(lab.edge.folder)/services.yaml"])
            #expect(output.status == 2 && output.errors.contains("coordination.store is local"), "\(output)")
            for words in [["status"], ["restore", "--new"]] {
                let store = try await lab.edge.output(["store"] + words)
                #expect(store.status == 2 && store.errors.contains("has no fleet's store"), "\(store)")
            }
            try lab.edge.write(FleetLab.service(), to: "consul.yaml")
            let plan = try await lab.edge.output(["plan", "\(lab.edge.folder)/consul.yaml"])
            #expect(plan.status == 1 && plan.errors.contains("sluiced.yaml has no 'discovery'"), "\(plan)")
        }
    }
}
