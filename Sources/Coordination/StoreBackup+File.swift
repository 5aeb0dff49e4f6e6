// SPDX-License-Identifier: Apache-2.0

import Foundation
import Storage

extension StoreBackup {
    /// Of the file's format.
    public static let schema = 1

    private static let mark = "sluice-store-backup"

    /// What lies in the file behind its first line, `sluice-store-backup SCHEMA SHA-256`.
    private struct Content: Codable {
        var fleet: String
        var id: String
        var taken: Int64
        var epoch: UInt64
        var locks: [String: UInt64]
        /// By name; with the digest of each.
        var documents: [String: Kept]
        /// By digest.
        var blobs: [String: Data]

        struct Kept: Codable {
            var digest: String
            var bytes: Data
        }
    }

    /// As one file, which proves itself.
    public func file() throws -> [UInt8] {
        let content = Content(
            fleet: identity.fleet, id: identity.id, taken: taken, epoch: epoch, locks: locks,
            documents: Dictionary(
                uniqueKeysWithValues: documents.map {
                    ($0.key.text, .init(digest: $0.value.digest, bytes: Data($0.value.bytes)))
                }), blobs: blobs.mapValues { Data($0) })
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let body = Array(try encoder.encode(content))
        return Array("\(Self.mark) \(Self.schema) \(Digest.sha256hex(body))\n".utf8) + body
    }

    /// Reads a file and proves every digest in it. Throws `StoreError.refused` for one that is cut, changed or newer.
    public init(file: [UInt8], path: String) throws {
        func refused(_ cause: String) -> StoreError {
            .refused(place: path, operation: "read the backup", cause: cause)
        }
        guard let end = file.firstIndex(of: 0x0a) else { throw refused("it is no backup of a store") }
        let head = String(decoding: file[..<end], as: UTF8.self).split(separator: " ")
        guard head.count == 3, head[0] == Self.mark, let schema = Int(head[1]) else {
            throw refused("it is no backup of a store")
        }
        guard schema <= Self.schema else {
            throw refused("a newer version wrote it (schema \(schema), this one knows \(Self.schema))")
        }
        let body = Array(file[(end + 1)...])
        guard Digest.sha256hex(body) == head[2] else {
            throw refused("it was cut off or changed: its digest is another")
        }
        let content: Content
        do { content = try JSONDecoder().decode(Content.self, from: Data(body)) } catch {
            throw refused("it cannot be read: \(error)")
        }
        let documents = content.documents.map { (DocumentName(text: $0.key), Document([UInt8]($0.value.bytes))) }
        for (name, document) in documents where content.documents[name.text]?.digest != document.digest {
            throw refused("the digest of \(name) is another")
        }
        for (digest, bytes) in content.blobs where Digest.sha256hex([UInt8](bytes)) != digest {
            throw StoreError.damaged(place: path, digest: digest)
        }
        self.init(
            identity: StoreIdentity(fleet: content.fleet, id: content.id), taken: content.taken, epoch: content.epoch,
            locks: content.locks, documents: Dictionary(documents) { one, _ in one },
            blobs: content.blobs.mapValues { [UInt8]($0) })
    }
}
