// SPDX-License-Identifier: Apache-2.0

import Dispatch
import HTTP
import TestSupport
import Testing

/// Other implementations of HTTP/2 on both sides: nginx and nghttpd behind, h2load and nghttp in front.
struct HTTP2PeersTests {
    /// nginx with files of a folder, by HTTP/1.1 on the first port and by HTTP/2 on the second.
    private static func nginx(_ folder: TemporaryDirectory, _ ports: [UInt16]) throws -> ServerProcess {
        _ = try folder.write(String(repeating: "0123456789abcdef", count: 65_536), to: "large")
        _ = try folder.write("small", to: "small")
        let configuration = """
            daemon off; pid \(folder.path)/pid; error_log stderr; master_process off; user root;
            events { worker_connections 512; }
            http {
                access_log off; client_body_temp_path \(folder.path)/body; proxy_temp_path \(folder.path)/proxy;
                fastcgi_temp_path \(folder.path)/f; uwsgi_temp_path \(folder.path)/u; scgi_temp_path \(folder.path)/s;
                server { listen 127.0.0.1:\(ports[0]); root \(folder.path); }
                server { listen 127.0.0.1:\(ports[1]) http2; root \(folder.path); }
            }
            """
        let file = try folder.write(configuration, to: "nginx.conf")
        return try ServerProcess("nginx", ["-c", file], log: "\(folder.path)/log")
    }

    @Test(.requires("nginx", "curl"), arguments: [ProxyConfiguration.Version.http1, .http2])
    func `a large file comes whole through both versions`(_ version: ProxyConfiguration.Version) async throws {
        let folder = try TemporaryDirectory()
        let ports = try ServerProcess.freePorts(2)
        let server = try Self.nginx(folder, ports)
        defer { server.end() }
        let proxy = try await Fixture(version, backends: [ports[version == .http1 ? 0 : 1]])
        try await awaited("nginx") { try proxy.curl("/small").allSatisfy { $0 == "small" } }
        let sums = try ["--http1.1", "--http2-prior-knowledge"].map {
            try Shell.run("curl -sS --max-time 60 \($0) \(proxy.address)/large | sha256sum")
        }
        let own = try Shell.run("sha256sum < \(folder.path)/large")
        await proxy.end()
        #expect(sums.map { $0.prefix(64) } == [own.prefix(64), own.prefix(64)])
    }

    @Test(.requires("nginx", "h2load"), arguments: [ProxyConfiguration.Version.http1, .http2])
    func `thousands of streams are answered`(_ version: ProxyConfiguration.Version) async throws {
        let folder = try TemporaryDirectory()
        let ports = try ServerProcess.freePorts(2)
        let server = try Self.nginx(folder, ports)
        defer { server.end() }
        let proxy = try await Fixture(version, backends: [ports[version == .http1 ? 0 : 1]])
        try await awaited("nginx") { try proxy.curl("/small").allSatisfy { $0 == "small" } }
        let many = try Shell.run("h2load -c 8 -m 32 -n 4000 \(proxy.address)/small")
        let old = try Shell.run("h2load --h1 -c 8 -n 1000 \(proxy.address)/small")
        await proxy.end()
        #expect(many.contains("4000 succeeded, 0 failed"), "\(many)")
        #expect(old.contains("1000 succeeded, 0 failed"), "\(old)")
    }

    @Test(.requires("nghttpd", "nghttp")) func `trailers reach the other side`() async throws {
        let folder = try TemporaryDirectory()
        _ = try folder.write("small", to: "small")
        let port = try ServerProcess.freePorts(1)[0]
        let server = try ServerProcess(
            "nghttpd", ["--no-tls", "--trailer=checksum: 5", "-d", folder.path, "\(port)"], log: "\(folder.path)/log")
        defer { server.end() }
        let proxy = try await Fixture(.http2, backends: [port])
        try await awaited("nghttpd") { try proxy.curl("/small").allSatisfy { $0 == "small" } }
        let shown = try Shell.run("nghttp -v --trailer='asked: 1' -d \(folder.path)/small \(proxy.address)/small")
        await proxy.end()
        #expect(shown.contains("checksum: 5"))
    }

    @Test(.requires("nghttp")) func `a worker that drains tells idle clients, and serves what was asked`() async throws
    {
        let drained = DispatchSemaphore(value: 0)
        let server = try ScriptedHTTPServer { _ in
            drained.wait()
            return .answer(body: "late")
        }
        defer {
            drained.signal()
            server.stop()
        }
        let proxy = try await Fixture(backends: [server.port])
        let command = "nghttp -v \(proxy.address)/ 2>&1"
        // On a thread of its own: with all tasks' threads waiting for programs the drain would come too late.
        let (ends, end) = AsyncStream.makeStream(of: String.self)
        try DetachedThread.run {
            do { end.yield(try Shell.run(command)) } catch { end.yield("\(error)") }
            end.finish()
        }
        try await awaited("the request") { server.requests.count == 1 }
        await proxy.worker.drain()
        drained.signal()
        let shown = await ends.first { _ in true } ?? ""
        try await awaited("the connections' end") { await proxy.worker.openConnections == 0 }
        await proxy.end()
        #expect(shown.contains("late"))
        #expect(shown.contains("recv GOAWAY frame"))
    }
}
