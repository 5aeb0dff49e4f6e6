// SPDX-License-Identifier: Apache-2.0

import Glibc
import Synchronization

/// A real Consul on loopback: one server, with ports and a directory of its own.
public final class ConsulServer: Sendable {
    public let port: UInt16
    public let directory: TemporaryDirectory
    private let arguments: [String]
    private let process: Mutex<ServerProcess?>

    /// Allowed everything, where access lists are on.
    public static let masterToken = "11111111-2222-3333-4444-555555555555"

    public var address: String { "http://127.0.0.1:\(port)" }
    public var log: String { directory.path + "/log" }

    /// - Parameters:
    ///   - persistent: Keeps its state over `restart`; otherwise it begins empty, at a lower index.
    ///   - accessLists: On, and everything denied but to `masterToken`.
    ///   - more: Members of its ports, beginning with a comma.
    ///   - settings: Members of its configuration's JSON object, beginning with a comma.
    public init(persistent: Bool = false, accessLists: Bool = false, settings: String = "", ports more: String = "")
        throws
    {
        directory = try TemporaryDirectory()
        let ports = try ServerProcess.freePorts(3)
        port = ports[0]
        let lists =
            accessLists
            ? #", "acl": { "enabled": true, "default_policy": "deny", "tokens": { "master": "\#(Self.masterToken)" } }"#
            : ""
        let file = try directory.write(
            """
            { "bind_addr": "127.0.0.1", "node_name": "node-1", "disable_update_check": true,
              "session_ttl_min": "1s", "performance": { "raft_multiplier": 1 },
              "ports": { "http": \(ports[0]), "server": \(ports[1]), "serf_lan": \(ports[2]),
                         "serf_wan": -1, "grpc": -1, "dns": -1 \(more) }\(lists)\(settings) }
            """, to: "consul.json")
        arguments =
            ["agent", "-config-file", file]
            + (persistent ? ["-server", "-bootstrap-expect=1", "-data-dir", directory.path + "/data"] : ["-dev"])
        process = Mutex(try ServerProcess("consul", arguments, log: directory.path + "/log"))
    }

    public func stop(_ signal: Int32 = SIGKILL) { process.withLock { $0?.end(signal) } }

    public func pause() { process.withLock { $0?.signal(SIGSTOP) } }
    public func goOn() { process.withLock { $0?.signal(SIGCONT) } }

    /// With the same ports; what it knew is gone unless it is persistent.
    public func restart() throws {
        stop()
        try process.withLock { $0 = try ServerProcess("consul", arguments, log: log) }
    }

    /// What it printed, for a failed test.
    public var output: String {
        (try? Shell.run("tail -n 20 \(log)")) ?? ""  // nothing to show is no failure of its own
    }
}
