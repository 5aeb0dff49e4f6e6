// SPDX-License-Identifier: Apache-2.0

import EventLoop
import Health
import Model
import Testing

/// A monitor on its own loop, running while `body` does.
private func withMonitor(
    concurrency: Int = 64, _ body: (HealthMonitor) async throws -> Void
) async throws {
    let loop = try EventLoop.start(name: "health")
    let monitor = HealthMonitor(loop: loop, concurrency: concurrency)
    let run = Task { await monitor.run() }
    defer { loop.stop() }
    do {
        try await body(monitor)
    } catch {
        run.cancel()
        await run.value
        throw error
    }
    run.cancel()
    await run.value
}

/// The first snapshot that shows it; each wait ends with the test's time limit at the latest.
private func first(
    of monitor: HealthMonitor, where isIt: (HealthMonitor.Verdicts) -> Bool
) async -> HealthMonitor.Verdicts {
    for await verdicts in monitor.updates where isIt(verdicts) { return verdicts }
    return [:]
}

@Suite(.timeLimit(.minutes(5)))
struct HealthMonitorTests {
    private func target(_ name: String, _ port: UInt16, fall: Int = 2) -> ProbeTarget {
        let check = HealthCheck(
            probe: .tcp(port: nil), interval: .milliseconds(20), timeout: .milliseconds(200), rise: 2, fall: fall)
        return ProbeTarget(
            key: .init(service: "web", backend: name), address: IPAddress(v4: 0x7f00_0001), port: port, check: check)
    }

    private func unusedPort() throws -> UInt16 {
        let listener = try Descriptor.listener(on: .loopback(port: 0))
        return try listener.localAddress().port
    }

    @Test func `a living backend is seen up and a dead one down, with the cause`() async throws {
        let server = try ScriptedServer(.silent)
        defer { server.stop() }
        let (alive, dead) = (target("alive", server.port), target("dead", try unusedPort()))
        try await withMonitor { monitor in
            await monitor.watch([alive, dead])
            let verdicts = await first(of: monitor) {
                $0[alive.key]?.standing == .up && $0[dead.key]?.standing == .down
            }
            #expect(verdicts[dead.key]?.lastError == "connection refused")
            #expect(verdicts[alive.key]?.lastError == nil)
        }
    }

    @Test func `a backend that begins to answer comes back`() async throws {
        let server = try ScriptedServer(.answer("HTTP/1.1 503 Not Yet\r\n\r\n"))
        defer { server.stop() }
        var target = target("a", server.port)
        target.check.probe = .http(port: nil, path: "/", host: nil, status: 200...299)
        try await withMonitor { [target] monitor in
            await monitor.watch([target])
            let down = await first(of: monitor) { $0[target.key]?.standing == .down }
            #expect(down[target.key]?.lastError == "status 503")
            server.change(to: .answer("HTTP/1.1 200 OK\r\n\r\n"))
            let up = await first(of: monitor) { $0[target.key]?.standing == .up }
            #expect(up[target.key]?.isUp == true)
        }
    }

    @Test func `an unchanged target keeps what is known of it, a moved one begins anew`() async throws {
        let dead = target("a", try unusedPort())
        try await withMonitor { monitor in
            await monitor.watch([dead])
            _ = await first(of: monitor) { $0[dead.key]?.standing == .down }
            var slower = dead
            slower.check.interval = .seconds(60)
            await monitor.watch([slower, target("b", 0)])
            #expect(await monitor.verdicts[dead.key]?.standing == .down)
            var moved = slower
            moved.port = 1
            await monitor.watch([moved])
            #expect(await monitor.verdicts.mapValues(\.standing) == [dead.key: .unknown])
        }
    }

    @Test func `a backend that the last run saw down begins as down`() async throws {
        let dead = target("a", try unusedPort())
        try await withMonitor { monitor in
            await monitor.watch([dead], down: [dead.key])
            #expect(await monitor.verdicts[dead.key]?.standing == .down)
        }
    }

    @Test func `a target without a port is not probed and counts as up`() async throws {
        let target = target("a", 0)
        try await withMonitor { monitor in
            await monitor.watch([target])
            let verdict = await monitor.verdicts[target.key]
            #expect(verdict?.isUp == true && verdict?.lastError == "no port to probe")
        }
    }

    @Test func `with one probe at a time a hundred backends are all seen`() async throws {
        let server = try ScriptedServer(.silent)
        defer { server.stop() }
        let targets = (0..<100).map { target("b\($0)", server.port) }
        try await withMonitor(concurrency: 1) { monitor in
            await monitor.watch(targets)
            let verdicts = await first(of: monitor) { $0.values.count { $0.standing == .up } == 100 }
            #expect(verdicts.count == 100)
        }
    }

    @Test func `a slow backend delays no other`() async throws {
        let hole = try BlackHole()
        let server = try ScriptedServer(.silent)
        defer { server.stop() }
        let (slow, fast) = (target("slow", hole.port, fall: 1), target("fast", server.port))
        try await withMonitor { monitor in
            await monitor.watch([slow, fast])
            let verdicts = await first(of: monitor) { $0[fast.key]?.standing == .up }
            #expect(verdicts[slow.key]?.standing == .unknown)
            let later = await first(of: monitor) { $0[slow.key]?.standing == .down }
            #expect(later[slow.key]?.lastError == "no connection within 200 ms")
        }
    }
}
