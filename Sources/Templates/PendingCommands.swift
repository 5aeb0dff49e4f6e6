// SPDX-License-Identifier: Apache-2.0

import Storage

/// Which contents were written without their command having succeeded yet, kept over restarts: a server that was not
/// reloaded would otherwise keep the old configuration for ever, since what is unchanged runs no command.
///
/// Held by one process at a time, so that two do not write the same files.
public final class PendingCommands: Sendable {
    private let directory: StateDirectory

    /// Throws while another process has the directory.
    public init(_ path: String) throws(StorageError) {
        directory = try StateDirectory(path)
    }

    func isDue(_ template: String, _ content: [UInt8]) throws(StorageError) -> Bool {
        try directory.read(name(template)) == Array(Digest.sha256hex(content).utf8)
    }

    func set(_ template: String, _ content: [UInt8]) throws(StorageError) {
        try directory.write(Array(Digest.sha256hex(content).utf8), to: name(template))
    }

    func done(_ template: String) throws(StorageError) { try directory.remove(name(template)) }

    /// Where a content that goes to no file is looked at.
    func scratch(_ template: String, _ content: [UInt8]) throws(StorageError) -> String {
        try directory.write(content, to: "validate/\(template)", mode: 0o600)
        return "\(directory.path)/validate/\(template)"
    }

    func removeScratch(_ template: String) throws(StorageError) { try directory.remove("validate/\(template)") }

    private func name(_ template: String) -> String { "pending/\(template)" }
}
