// SPDX-License-Identifier: Apache-2.0

/// What a daemon whose store is shared can be asked and told of its fleet. A `Problem` that is thrown becomes the
/// answer as it is.
public protocol FleetBackend: Sendable {
    func fleet() async throws -> FleetAnswer
    func generations() async throws -> GenerationsAnswer

    /// One that is still known, by its number; nil: the current one.
    func generation(_ number: UInt64?) async throws -> GenerationAnswer

    /// Checks a document and puts it in place of what is desired; returns when that is in the store.
    func apply(_ request: ApplyRequest, by caller: Caller) async throws -> ApplyAnswer

    /// The change on its way is for all hosts.
    func confirm(by caller: Caller) async throws

    func rollback(_ request: RollbackRequest, by caller: Caller) async throws -> ApplyAnswer

    /// Nothing is published until `thaw`.
    func freeze(_ request: FreezeRequest, by caller: Caller) async throws
    func thaw(by caller: Caller) async throws

    /// Removes the report of a host that is gone for good.
    func forget(host: String, by caller: Caller) async throws
}
