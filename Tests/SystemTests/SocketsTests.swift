// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// Services that the edge's own sockets carry, in user space.
@Suite(.serialized, .requires("root", "bpf", "netns", "nginx", "clang", "python3", "curl"))
struct SocketsTests {
    private static func web(_ more: String...) -> Service {
        Service(forward: "sockets", backends: Service.webs(3), health: Service.healthz, more: more)
    }

    /// An edge that has the VIP, and serves these by sockets.
    private static func start(_ services: [Service], in lab: Lab) async throws {
        try await lab.run("edge1", "ip", "address", "add", "\(Lab.vip)/32", "dev", "lo")
        try lab.edge.configure(services, workers: 2)
        try await lab.edge.start()
    }

    @Test func `requests and datagrams reach all backends, and warnings are none`() async throws {
        try await Lab.with { lab in
            let dns = Service(
                name: "dns", port: 53, transport: "udp", forward: "sockets", backends: Service.webs(3))
            try await Self.start([Self.web(), dns], in: lab)
            let tally = try await lab.requests(500)
            #expect(tally.failed == 0, "\(tally)")
            #expect(Set(tally.backends.keys) == ["web1", "web2", "web3"], "\(tally)")
            let datagrams = try await lab.run(
                "client", Lab.tools + "/lab-traffic", "datagrams", Lab.vip, "--count", "60")
            let answers = try JSON.read(datagrams, as: Tally.self)
            #expect(answers.failed == 0, "\(answers)")
            #expect(answers.backends.count == 3, "\(answers)")
            #expect(try await lab.edge.status().warnings == [])
            #expect(!(try lab.edge.logged().contains("the kernel chooses")))
            try await lab.edge.ctl("map", "verify")
        }
    }

    @Test func `a backend hears its client's address by the PROXY protocol`() async throws {
        try await Lab.with { lab in
            var service = Self.web("proxy-protocol: v2")
            service.backendPort = 8081
            try await Self.start([service], in: lab)
            let client = try await lab.run("client", "curl", "-sf", "http://\(Lab.vip)/")
            #expect(client == "198.51.100.7\n")
        }
    }

    @Test func `workers have no privilege`() async throws {
        try await Lab.with(backends: 1) { lab in
            try await Self.start([Service(forward: "sockets", backends: Service.webs(1))], in: lab)
            let workers = try await lab.workers()
            #expect(workers.count == 2, "\(workers)")
            for worker in workers {
                let status = try String(contentsOfFile: "/proc/\(worker)/status", encoding: .utf8)
                let lines = status.split(separator: "\n").map { $0.split(whereSeparator: \.isWhitespace) }
                let facts = Dictionary(lines.map { (String($0[0]), $0.dropFirst().map(String.init)) }) { $1 }
                #expect(facts["Uid:"].map(Set.init)?.contains("0") == false, "\(status)")
                #expect(facts["Groups:"] == [], "\(status)")
                #expect(facts["CapPrm:"] == ["0000000000000000"], "\(status)")
                #expect(facts["NoNewPrivs:"] == ["1"], "\(status)")
                #expect(facts["Seccomp:"] == ["2"], "\(status)")
            }
        }
    }

    @Test func `a drain under load breaks no connection, and the backend gets no new one`() async throws {
        try await Lab.with { lab in
            try await Self.start([Self.web()], in: lab)
            let held = try await lab.hold(60, pause: 0.3)
            let stream = try await lab.stream()
            try await lab.edge.ctl("backend", "drain", "web", "web2")
            try await until("web2 has no slot") { try await lab.edge.backends()["web2"]?.slots == 0 }
            let fresh = try await lab.requests(300)
            #expect(fresh.failed == 0 && fresh.backends["web2"] == nil, "\(fresh)")
            try await expectUnharmed(held, stream, of: 60, in: lab.edge)
        }
    }

    @Test func `a connection goes where explain says`() async throws {
        struct Explanation: Decodable { var backend: String? }
        try await Lab.with { lab in
            try await Self.start([Self.web()], in: lab)
            for port in 40001...40012 {
                let explanation = try await lab.edge.ctl(
                    "explain", "--src", "198.51.100.7:\(port)", "--dst", "\(Lab.vip):80", as: Explanation.self)
                let answer = try await lab.run(
                    "client", "curl", "-sf", "--local-port", "\(port)", "http://\(Lab.vip)/")
                #expect(answer.trimmingCharacters(in: .whitespacesAndNewlines) == explanation.backend, "port \(port)")
            }
        }
    }

    @Test func `listeners and connections are told of`() async throws {
        struct Listener: Decodable {
            var bind: String
            var workers: Int
            var active: Int
        }
        struct Connection: Decodable {
            var client: String
            var service: String
            var state: String
        }
        try await Lab.with { lab in
            try await Self.start([Self.web()], in: lab)
            let held = try await lab.hold(10, pause: 0.3)
            let listeners = try await lab.edge.ctl("listener", "list", as: [Listener].self)
            #expect(listeners.map(\.bind) == ["\(Lab.vip):80/tcp"])
            #expect(listeners.first?.workers == 2 && listeners.first?.active == 10, "\(listeners)")
            let connections = try await lab.edge.ctl("connection", "list", as: [Connection].self)
            #expect(connections.count == 10, "\(connections)")
            #expect(connections.allSatisfy { $0.client.hasPrefix("198.51.100.7:") && $0.state == "open" })
            let metrics = try await lab.run("edge1", "curl", "-sf", "http://127.0.0.1:9464/metrics")
            #expect(metrics.contains("sluice_relay_active_connections{service=\"web\"} 10"), "\(metrics)")
            _ = try await held.finish()
        }
    }

    @Test func `mode sockets serves what XDP would, and nothing is attached`() async throws {
        try await Lab.with { lab in
            try await lab.run("edge1", "ip", "address", "add", "\(Lab.vip)/32", "dev", "lo")
            let service = Service(backends: Service.webs(3), health: Service.healthz)
            try lab.edge.configure([service], datapath: ["mode: sockets"], workers: 2)
            try await lab.edge.start()
            #expect(try await lab.edge.attachedProgram() == nil)
            let tally = try await lab.requests(200)
            #expect(tally.failed == 0 && tally.backends.count == 3, "\(tally)")
            try await lab.edge.ctl("backend", "drain", "web", "web2")
            try await until("web2 has no slot") { try await lab.edge.backends()["web2"]?.slots == 0 }
            let fresh = try await lab.requests(200)
            #expect(fresh.failed == 0 && fresh.backends["web2"] == nil, "\(fresh)")
        }
    }

    @Test func `a host whose interface takes no XDP falls to sockets, says so, and comes back`() async throws {
        try await Lab.with { lab in
            let edge = lab.edge
            let namespace = "nsenter --net=/run/netns/\(lab.name)-edge1"
            try await lab.run("edge1", "ip", "address", "add", "\(Lab.vip)/32", "dev", "lo")
            try await lab.shell("\(namespace) bpftool net attach xdpdrv pinned /sys/fs/bpf/\(lab.name)/pass dev eth0")
            let service = Service(backends: Service.webs(3), health: Service.healthz)
            try edge.configure([service], workers: 2)
            try await edge.start()
            #expect(try await edge.status().warnings.contains { $0.contains("go through this host's sockets") })
            let relayed = try await lab.requests(200)
            #expect(relayed.failed == 0 && relayed.backends.count == 3, "\(relayed)")

            try await lab.shell("\(namespace) ip link set dev eth0 xdp off")
            try await until("XDP is back") { try await edge.status().interfaces.map(\.mode) == ["native"] }
            try await until("the workers have finished") { try await lab.workers().isEmpty }
            let steered = try await lab.requests(200)
            #expect(steered.failed == 0, "\(steered)")
        }
    }

    @Test func `XDP that comes back takes new connections, and leaves those of the sockets alone until they end`()
        async throws
    {
        try await Lab.with { lab in
            let edge = lab.edge
            let namespace = "nsenter --net=/run/netns/\(lab.name)-edge1"
            try await lab.run("edge1", "ip", "address", "add", "\(Lab.vip)/32", "dev", "lo")
            try await lab.shell("\(namespace) bpftool net attach xdpdrv pinned /sys/fs/bpf/\(lab.name)/pass dev eth0")
            var service = Service(backends: Service.webs(3), health: Service.healthz)
            service.flowIdle = "8s"
            try edge.configure([service], workers: 2)
            try await edge.start()
            let held = try await lab.hold(60, pause: 0.2)
            let stream = try await lab.stream()
            let workers = try await lab.workers()

            try await lab.shell("\(namespace) ip link set dev eth0 xdp off")
            try await until("XDP is back") { try await edge.status().interfaces.map(\.mode) == ["native"] }
            let steered = try await lab.requests(300)
            #expect(steered.failed == 0 && steered.backends.count == 3, "\(steered)")
            #expect(try await edge.packets()["new"] ?? 0 >= 300)
            #expect(try await lab.workers() == workers)
            try await edge.ctl("map", "verify")
            #expect(try await edge.isHandedOver())
            try await until("the sockets' connections go on") { try await edge.packets()["local"] ?? 0 > 3000 }
            try await expectUnharmed(held, stream, of: 60, in: edge)
            try await until("the workers have finished") { try await lab.workers().isEmpty }
            service.backends.removeLast()
            try await edge.apply([service])
            try await until("all packets are steered") { try await !edge.isHandedOver() }
        }
    }

    @Test func `a restart on a host that has fallen to sockets breaks nothing`() async throws {
        try await Lab.with { lab in
            let edge = lab.edge
            let attach = "bpftool net attach xdpdrv pinned /sys/fs/bpf/\(lab.name)/pass dev eth0"
            try await lab.run("edge1", "ip", "address", "add", "\(Lab.vip)/32", "dev", "lo")
            try await lab.shell("nsenter --net=/run/netns/\(lab.name)-edge1 \(attach)")
            try edge.configure([Service(backends: Service.webs(3), health: Service.healthz)], workers: 2)
            try await edge.start()
            let held = try await lab.hold(40, pause: 0.2)
            let stream = try await lab.stream()
            let workers = try await lab.workers()
            #expect(workers.count == 2, "\(workers)")
            for signal in ["TERM", "KILL"] {
                try await edge.stop(signal)
                try await edge.start()
            }
            #expect(try await lab.workers() == workers)
            try await expectUnharmed(held, stream, of: 40, in: edge)
        }
    }

    @Test func `an uninstall ends the workers`() async throws {
        try await Lab.with(backends: 1) { lab in
            try await Self.start([Service(forward: "sockets", backends: Service.webs(1))], in: lab)
            try await lab.edge.stop()
            #expect(try await lab.workers().count == 2)
            try await lab.edge.ctl("uninstall", "--yes")
            try await until("the workers are gone") { try await lab.workers().isEmpty }
        }
    }

    @Test func `a killed worker takes its own connections along, and nothing else`() async throws {
        try await Lab.with { lab in
            try await Self.start([Self.web()], in: lab)
            let held = try await lab.hold(60, pause: 0.2)
            let before = try await lab.workers()
            #expect(before.count == 2, "\(before)")
            let stream = try await lab.stream()
            try await Command.run(["kill", "-9", before[0]])
            try await until("another worker is there") {
                let now = try await lab.workers()
                return now.count == 2 && now.contains(before[1]) && !now.contains(before[0])
            }
            let fresh = try await lab.requests(300)
            #expect(fresh.failed == 0, "\(fresh)")
            let requests = try await stream.finish()
            // Those that were under way in it.
            #expect(requests.failed <= 4, "\(requests)")
            let kept = try await held.finish()
            #expect((1..<60).contains(kept.kept ?? 0), "\(kept)")
        }
    }

    @Test func `with all workers killed a request waits for the new ones, and is answered`() async throws {
        try await Lab.with { lab in
            try await Self.start([Self.web()], in: lab)
            // Workers that died young are started anew after a while only.
            var times: [Double] = []
            for _ in 0..<3 {
                let before = try await lab.workers()
                // In one command: what comes before the client's connect is no part of the wait.
                let answered = try await lab.shell(
                    "kill -9 \(before.joined(separator: " ")); \(Lab.tools)/lab --name \(lab.name) exec client "
                        + "curl -sf -m 20 -o /dev/null -w '%{time_total}' http://\(Lab.vip)/")
                times.append(try #require(Double(answered), "\(answered)"))
                try await until("new workers are there") {
                    let now = try await lab.workers()
                    return now.count == 2 && Set(now).isDisjoint(with: before)
                }
            }
            print("\(lab.name): answered after \(times) s")
            // The pause before a worker that died young is begun anew grows from 0.1 s; a slow machine has ten times it.
            #expect(times.allSatisfy { $0 < 5 }, "\(times)")
        }
    }

    @Test func `a worker that stands still is replaced`() async throws {
        try await Lab.with { lab in
            try await Self.start([Self.web()], in: lab)
            let before = try await lab.workers()
            try await Command.run(["kill", "-STOP", before[0]])
            // It is noticed when it is asked or told something.
            try await lab.edge.ctl("listener", "list")
            try await until("another worker is there") {
                let now = try await lab.workers()
                return now.count == 2 && !now.contains(before[0])
            }
            let fresh = try await lab.requests(200)
            #expect(fresh.failed == 0, "\(fresh)")
        }
    }

    @Test func `a reload adds a listener, changes another and takes it away, and others' connections stay`()
        async throws
    {
        try await Lab.with { lab in
            var second = Self.web()
            (second.name, second.port) = ("second", 8080)
            second.backendPort = 80
            try await Self.start([Self.web()], in: lab)
            let held = try await lab.hold(20, pause: 0.2)
            let stream = try await lab.stream()
            try await lab.edge.apply([Self.web(), second])
            try await until("the second answers") { try await Self.answers(8080, in: lab) }
            second.port = 8082
            try await lab.edge.apply([Self.web(), second])
            try await until("it answers elsewhere") { try await Self.answers(8082, in: lab) }
            #expect(try await !Self.answers(8080, in: lab))
            try await lab.edge.apply([Self.web()])
            #expect(try await !Self.answers(8082, in: lab))
            try await expectUnharmed(held, stream, of: 20, in: lab.edge)
        }
    }

    private static func answers(_ port: Int, in lab: Lab) async throws -> Bool {
        let url = "http://\(Lab.vip):\(port)/"
        let command = [Lab.tools + "/lab", "--name", lab.name, "exec", "client", "curl", "-sf", "-m", "2", url]
        return try await Command.output(command).status == 0
    }

    @Test func `a port that is in use is named, and other services go on`() async throws {
        try await Lab.with(backends: 1) { lab in
            try await lab.run("edge1", "ip", "address", "add", "\(Lab.vip)/32", "dev", "lo")
            try await lab.start("edge1", "squatter", ["python3", "-m", "http.server", "8080", "--bind", "0.0.0.0"])
            try await until("the port is taken") {
                let command = [
                    Lab.tools + "/lab", "--name", lab.name, "exec", "edge1", "curl", "-sf", "http://127.0.0.1:8080/",
                ]
                return try await Command.output(command).status == 0
            }
            var second = Service(name: "second", port: 8080, forward: "sockets", backends: Service.webs(1))
            second.backendPort = 80
            let web = Service(forward: "sockets", backends: Service.webs(1))
            try lab.edge.configure([web, second], workers: 2)
            try await lab.edge.start()
            let warnings = try await lab.edge.status().warnings
            #expect(warnings.contains { $0.contains("\(Lab.vip):8080/tcp") && $0.contains("in use") }, "\(warnings)")
            let tally = try await lab.requests(50)
            #expect(tally.failed == 0, "\(tally)")
        }
    }

    @Test func `ten restarts of the daemon refuse and reset no connection`() async throws {
        try await Lab.with { lab in
            try await Self.start([Self.web()], in: lab)
            let held = try await lab.hold(40, pause: 0.2)
            let stream = try await lab.stream()
            let workers = try await lab.workers()
            for round in 0..<10 {
                try await lab.edge.stop(round % 3 == 1 ? "KILL" : "TERM")
                try await lab.edge.start()
            }
            #expect(try await lab.workers() == workers)
            try await expectUnharmed(held, stream, of: 40, in: lab.edge)
        }
    }

    @Test func `another program's workers take over the sockets while the old ones finish`() async throws {
        try await Lab.with { lab in
            let folder = lab.edge.folder
            try await Self.start([Self.web()], in: lab)
            let held = try await lab.hold(40, pause: 0.2)
            let stream = try await lab.stream()
            let old = try await lab.workers()
            try await lab.edge.stop()
            let upgraded = "\(folder)/sluiced-upgraded"
            // Copied by another process: a file that this one writes is busy while any child is born with it open.
            _ = try await Command.run(["cp", "\(Lab.products)/sluiced", upgraded])
            try await lab.edge.start(program: upgraded)
            try await until("four workers run") { try await lab.workers().count == 4 }
            let fresh = try await lab.requests(300)
            #expect(fresh.failed == 0, "\(fresh)")
            try await expectUnharmed(held, stream, of: 40, in: lab.edge)
            try await until("the old workers have finished") {
                Set(try await lab.workers()).isDisjoint(with: old)
            }
        }
    }
}

extension Lab {
    /// Numbers of the edge's worker processes.
    func workers() async throws -> [String] {
        let pids = try await Command.run(["ip", "netns", "pids", "\(name)-edge1"])
        return pids.split(separator: "\n").map(String.init).filter { pid in
            let line = FileManager.default.contents(atPath: "/proc/\(pid)/cmdline") ?? Data()
            return String(decoding: line, as: UTF8.self).split(separator: "\0").dropFirst().first == "worker"
        }.sorted()
    }
}
