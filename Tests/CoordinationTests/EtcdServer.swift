// SPDX-License-Identifier: Apache-2.0

import TestSupport

@testable import Coordination

/// One member of etcd, alone.
struct EtcdServer: Sendable {
    let process: ServerProcess
    let endpoint: String

    static let shared = Shared { try await EtcdServer() }

    /// - Parameter data: goes on with it; a new directory unless told.
    init(options: [String] = [], data: TemporaryDirectory? = nil, port: UInt16? = nil) async throws {
        let directory = try data ?? TemporaryDirectory()
        let client = "http://127.0.0.1:\(try port ?? ServerProcess.freePort())"
        let peer = "http://127.0.0.1:\(try ServerProcess.freePort())"
        endpoint = client
        let store = try EtcdStore(EtcdSettings(endpoints: [client], timeout: .milliseconds(500)), fleet: "probe")
        process = try await ServerProcess(
            [
                Requirement.path(of: "etcd") ?? "etcd", "--data-dir", "\(directory.path)/data",
                "--listen-client-urls", client, "--advertise-client-urls", client, "--listen-peer-urls", peer,
                "--initial-advertise-peer-urls", peer, "--initial-cluster", "default=\(peer)",
            ] + options, in: directory
        ) {
            _ = try await store.identity()
            return true
        }
    }

    /// Its client tool.
    @discardableResult
    func control(_ command: String) throws -> String {
        try Shell.run("ETCDCTL_API=3 etcdctl --endpoints=\(endpoint) \(command)")
    }

    func site() -> Site {
        let endpoint = endpoint
        return Site(.etcd) { fleet, _ in try EtcdStore(EtcdSettings(endpoints: [endpoint]), fleet: fleet) }
    }
}
