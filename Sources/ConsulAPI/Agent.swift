// SPDX-License-Identifier: Apache-2.0

/// What an agent says of itself.
public struct ConsulAgent: Hashable, Sendable {
    public let datacenter: String
    public let node: String
    public let version: String
    public let isServer: Bool
}

extension ConsulClient {
    /// The leader's address, `10.0.0.1:8300`; nil while there is none.
    public func leader() async throws -> String? {
        let leader: String = try await get("/status/leader").decoded()
        return leader.isEmpty ? nil : leader
    }

    /// The agent that answers.
    public func agent() async throws -> ConsulAgent {
        let found = try await get("/agent/self").decoded(as: AgentAnswer.self).configuration
        return ConsulAgent(
            datacenter: found.datacenter, node: found.node, version: found.version, isServer: found.isServer)
    }
}

private struct AgentAnswer: Decodable {
    struct Configuration: Decodable {
        let datacenter: String
        let node: String
        let version: String
        let isServer: Bool

        private enum CodingKeys: String, CodingKey {
            case datacenter = "Datacenter"
            case node = "NodeName"
            case version = "Version"
            case isServer = "Server"
        }
    }

    let configuration: Configuration

    private enum CodingKeys: String, CodingKey { case configuration = "Config" }
}
