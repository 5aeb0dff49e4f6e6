// SPDX-License-Identifier: Apache-2.0

import Logging

/// Notes every change that is asked for over the admin socket: who, what, upon which generation, and what came of it.
///
/// The log's own time says when. A change is noted where it is routed, so that none can be forgotten.
struct Audit: Sendable {
    let backend: any AdminBackend
    let logger: Logger

    /// Does the work and notes it, done or refused.
    func change<Value: Sendable>(
        _ what: String, of subject: String? = nil, _ details: [String: String] = [:], by caller: Caller,
        _ work: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        var entry: Logger.Metadata = [
            "change": "\(what)", "by": "\(caller.name)", "uid": "\(caller.userID)", "pid": "\(caller.processID)",
            "digest": "\(await digest())",
        ]
        if let subject { entry["subject"] = "\(subject)" }
        for (name, value) in details { entry[name] = "\(value)" }
        do {
            let value = try await work()
            logger.notice("change made", metadata: entry)
            return value
        } catch {
            entry["cause"] = "\(error)"
            logger.notice("change refused", metadata: entry)
            throw error
        }
    }

    /// Of what was in force when it was asked for.
    private func digest() async -> String {
        do { return try await backend.status().generation?.digest ?? "none" } catch { return "unknown" }
    }
}
