// SPDX-License-Identifier: Apache-2.0

import ConsulAPI

/// A key of Consul's that a template makes, written only as it was read.
struct TemplateKey {
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    let client: ConsulClient
    let key: String

    /// Consul refuses more.
    private static let bytesMax = 512 << 10
    private static let attempts = 5

    /// Answers whether there was something to write. What somebody else wrote meanwhile is read and judged again.
    func write(
        _ content: [UInt8], validate: () async throws -> Void, aboutToReplace: () throws -> Void
    ) async throws -> Bool {
        guard content.count <= Self.bytesMax else {
            throw Failure(description: "key \(key): \(content.count) bytes; Consul takes \(Self.bytesMax)")
        }
        for attempt in 0..<Self.attempts {
            let old = try await client.keyValue(key, consistency: .consistent).value
            if let old, old.value == content { return false }
            if attempt == 0 {
                try await validate()
                try aboutToReplace()
            } else {
                try await Task.sleep(for: .milliseconds(20 * attempt))
            }
            if try await client.putKey(key, content, condition: .unchanged(since: old?.modifyIndex ?? 0)) {
                return true
            }
        }
        throw Failure(description: "key \(key): somebody else wrote it \(Self.attempts) times meanwhile")
    }
}
