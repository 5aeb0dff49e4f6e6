// SPDX-License-Identifier: Apache-2.0

import Foundation

/// Records as they lie in a file.
struct RecordsFile: Codable {
    struct Held: Codable {
        let token: String
        /// Since boot, milliseconds.
        let until: Int64
    }

    /// Leases are counted since this boot, and end with it.
    var boot: String
    var store: String?
    /// By the lock's name; the leader's is empty, which no other can be.
    var holders: [String: Held]
    var epochs: [String: String]
    var documents: [String: Data]
    var changes: [String: UInt64]
    var revision: UInt64

    init(_ records: Records, boot: String) {
        self.boot = boot
        store = records.identity?.description
        holders = Self.keyed(records.holders) {
            Held(token: $0.token.text, until: Int64(($0.until / .milliseconds(1)).rounded(.down)))
        }
        epochs = Self.keyed(records.epochs, \.description)
        documents = Dictionary(
            uniqueKeysWithValues: records.documents.map { ($0.key.text, Data($0.value.bytes)) })
        changes = Dictionary(uniqueKeysWithValues: records.changes.map { ($0.key.text, $0.value) })
        revision = records.revision
    }

    /// Nil where something in it cannot be read.
    func records(boot: String) -> Records? {
        var records = Records()
        if let store {
            guard let identity = StoreIdentity(store) else { return nil }
            records.identity = identity
        }
        for (name, text) in epochs {
            guard let record = EpochRecord(text) else { return nil }
            records.epochs[LockName(stored: name)] = record
        }
        if boot == self.boot {
            for (name, held) in holders {
                records.holders[LockName(stored: name)] = Records.Held(
                    token: HolderToken(text: held.token), until: .milliseconds(held.until))
            }
        }
        for (name, data) in documents { records.documents[DocumentName(text: name)] = Document([UInt8](data)) }
        for (name, number) in changes { records.changes[DocumentName(text: name)] = number }
        records.revision = revision
        return records
    }

    private static func keyed<Value, Kept>(
        _ values: [LockName: Value], _ kept: (Value) -> Kept
    ) -> [String: Kept] {
        Dictionary(uniqueKeysWithValues: values.map { ($0.key.name ?? "", kept($0.value)) })
    }
}
