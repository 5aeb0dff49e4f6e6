// SPDX-License-Identifier: Apache-2.0

import TestSupport

@testable import Coordination

/// One member of etcd, alone.
struct EtcdServer: Sendable {
    let process: StoreProcess
    let endpoint: String
    let port: UInt16

    static let shared = Shared { try await EtcdServer() }

    /// - Parameter data: goes on with it; a new directory unless told.
    init(options: [String] = [], data: TemporaryDirectory? = nil, port: UInt16? = nil, peer: UInt16? = nil) async throws
    {
        let directory = try data ?? TemporaryDirectory()
        let port = try port ?? StoreProcess.freePort()
        self.port = port
        let client = "http://127.0.0.1:\(port)"
        let peer = "http://127.0.0.1:\(try peer ?? StoreProcess.freePort())"
        endpoint = client
        let store = try EtcdStore(EtcdSettings(endpoints: [client], timeout: .milliseconds(500)), fleet: "probe")
        process = try await StoreProcess(
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

    var settings: EtcdSettings { EtcdSettings(endpoints: [endpoint], timeout: StoreKind.patience) }

    func site() -> Site {
        let settings = settings
        return Site(.etcd) { fleet, _ in try EtcdStore(settings, fleet: fleet) }
    }
}
