// SPDX-License-Identifier: Apache-2.0

import HTTP
import TestSupport
import Testing

/// Answers that take longer than an exchange in which nothing moves may last.
@Suite(.requires("curl", "python3"))
struct LongAnswerTests {
    /// A backend that sends 25 octets, one each tenth of a second, then waits as long as it is told.
    private static let backend = """
        import socket, sys, time
        server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
        print("there", flush=True)
        while True:
            client, _ = server.accept()
            client.recv(65536)
            client.sendall(b"HTTP/1.1 200 OK\\r\\nConnection: close\\r\\nContent-Length: 26\\r\\n\\r\\n")
            for _ in range(25):
                time.sleep(0.1)
                client.sendall(b"x")
            time.sleep(float(sys.argv[2]))
            client.sendall(b"y")
            client.close()
        """

    private static func answer(waiting seconds: Int, timeout: Duration) async throws -> String {
        let folder = try TemporaryDirectory()
        let script = try folder.write(backend, to: "backend.py")
        let port = try ServerProcess.freePorts(1)[0]
        let server = try ServerProcess("python3", [script, "\(port)", "\(seconds)"], log: "\(folder.path)/log")
        defer { server.end() }
        var limits = Fixture.limits
        limits.streamTimeout = timeout
        let proxy = try await Fixture(backends: [port], limits: limits) { $0.routes[1].retries = 0 }
        try await awaited("the backend") { try Shell.run("cat \(folder.path)/log").contains("there") }
        let answer = try Shell.run("curl -sS --max-time 60 \(proxy.address)/ 2>&1 || true")
        await proxy.end()
        return answer
    }

    @Test func `an answer that goes on comes whole, however long it takes`() async throws {
        let answer = try await Self.answer(waiting: 0, timeout: .seconds(2))
        #expect(answer == String(repeating: "x", count: 25) + "y")
    }

    @Test func `an answer that stands still is cut off`() async throws {
        let answer = try await Self.answer(waiting: 60, timeout: .seconds(1))
        #expect(answer.contains("curl: (18)"), "\(answer)")
    }
}
