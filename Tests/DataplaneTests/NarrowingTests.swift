// SPDX-License-Identifier: Apache-2.0

import BPF
import Glibc
import Model
import TestSupport
import Testing

@testable import Dataplane

@Suite(.requires("root", "bpf", "clang")) struct NarrowingTests {
    private static let web = "web 10.9.9.9:80/tcp -> a, b"
    private static let six = "six [2001:db8::9]:80/tcp -> d"

    /// A compiler that works only while no file `wait` lies beside it.
    private func settings(_ bench: Bench) throws -> DataplaneSettings {
        let clang = try Shell.run("command -v clang || ls /opt/swift/usr/bin/clang").split(separator: "\n")[0]
        try bench.files.write(
            """
            #!/bin/sh
            case "$*" in *-version*) ;; *)
                touch \(bench.files.path)/called
                while [ -e \(bench.files.path)/wait ]; do sleep 0.05; done ;;
            esac
            exec \(clang) "$@"
            """, to: "clang")
        try Shell.run("chmod +x \(bench.files.path)/clang")
        var settings = bench.settings
        settings.clang = "\(bench.files.path)/clang"
        settings.cache = "\(bench.files.path)/cache"
        try Shell.run("mkdir \(settings.cache)")
        return settings
    }

    private func view(_ generation: Generation) -> HostView {
        var view = Host.view(generation)
        view.interfaces = []
        return view
    }

    @Test(.timeLimit(.minutes(5)))
    func `a change does not wait for the compiler of a narrower program`() async throws {
        let bench = try Bench()
        let dataplane = try Dataplane(try settings(bench))
        _ = try await dataplane.start()
        var fleet = Fleet()
        let both = try fleet.next([Self.web, Self.six])
        _ = try await dataplane.apply(both, on: view(both))
        let less = try fleet.next([Self.web])
        _ = try await dataplane.apply(less, on: view(less))
        try await dataplane.finish()
        try Shell.run("rm \(bench.files.path)/called; touch \(bench.files.path)/wait")
        async let narrowed = dataplane.narrow()
        while access("\(bench.files.path)/called", F_OK) != 0 { try await Task.sleep(for: .milliseconds(10)) }
        var down = view(less)
        down.down = [try #require(less.id("web", "b"))]
        let report = try await dataplane.apply(less, on: down)
        try await dataplane.finish()
        #expect(report.changes.slots > 0)
        #expect(report.program.features.contains(.ipv6), "the compiler still waits")
        try Shell.run("rm \(bench.files.path)/wait")
        // The change came meanwhile and needs no more: what was made serves it.
        #expect(await narrowed?.features.contains(.ipv6) == false)
        #expect(try bench.kernel().program?.features.contains(.ipv6) == false)
    }
}
