// SPDX-License-Identifier: Apache-2.0

import TestSupport

@testable import Coordination

/// Three members of etcd that elect their leader.
struct EtcdCluster: Sendable {
    struct Member: Sendable {
        let process: StoreProcess
        let endpoint: String
    }

    let members: [Member]

    init() async throws {
        let clients = try ServerProcess.freePorts(3).map { "http://127.0.0.1:\($0)" }
        let peers = try ServerProcess.freePorts(3).map { "http://127.0.0.1:\($0)" }
        let cluster = peers.indices.map { "m\($0)=\(peers[$0])" }.joined(separator: ",")
        members = try await withThrowingTaskGroup(of: (Int, Member).self) { group in
            for index in peers.indices {
                // None is ready before another one is.
                group.addTask {
                    let directory = try TemporaryDirectory()
                    let probe = EtcdSettings(endpoints: [clients[index]], timeout: .seconds(5))
                    let store = try EtcdStore(probe, fleet: "probe")
                    let process = try await StoreProcess(
                        [
                            Requirement.path(of: "etcd") ?? "etcd", "--name", "m\(index)", "--data-dir",
                            "\(directory.path)/data", "--listen-client-urls", clients[index],
                            "--advertise-client-urls", clients[index], "--listen-peer-urls", peers[index],
                            "--initial-advertise-peer-urls", peers[index], "--initial-cluster", cluster,
                            "--heartbeat-interval", "100", "--election-timeout", "1000",
                        ], in: directory
                    ) {
                        _ = try await store.identity()
                        return true
                    }
                    return (index, Member(process: process, endpoint: clients[index]))
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }.sorted { $0.0 < $1.0 }.map(\.1)
        }
    }

    func store(fleet: String, timeout: Duration = StoreKind.patience) throws -> EtcdStore {
        try EtcdStore(EtcdSettings(endpoints: members.map(\.endpoint), timeout: timeout), fleet: fleet)
    }

    /// Kills the member that leads, and answers which it was.
    func killLeader() throws -> Int {
        let endpoints = members.map(\.endpoint).joined(separator: ",")
        let text = try Shell.run(
            """
            ETCDCTL_API=3 etcdctl --endpoints=\(endpoints) endpoint status -w json \
            | jq -r '.[] | select(.Status.leader == .Status.header.member_id) | .Endpoint'
            """)
        let endpoint = text.filter { !$0.isWhitespace }
        guard let index = members.firstIndex(where: { $0.endpoint == endpoint }) else {
            throw SystemError("find etcd's leader", cause: text)
        }
        members[index].process.end()
        return index
    }

    func end() { for member in members { member.process.end() } }
}
