// SPDX-License-Identifier: Apache-2.0

import Model

/// What a host must know to be one of a fleet.
public struct FleetSettings: Sendable {
    /// Under which it reports.
    public let host: String
    /// Whether it stands for election.
    public let isCandidate: Bool
    /// Reads a services document; throws everything that is wrong with it.
    public let parse: @Sendable (String) throws -> DesiredState

    public init(
        host: String, isCandidate: Bool = true, parse: @escaping @Sendable (String) throws -> DesiredState
    ) {
        self.host = host
        self.isCandidate = isCandidate
        self.parse = parse
    }
}
