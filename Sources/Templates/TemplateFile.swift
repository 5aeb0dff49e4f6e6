// SPDX-License-Identifier: Apache-2.0

import Glibc
import Model
import Storage

/// A file that a template makes: whole or not at all, its mode and owner kept, what was there before beside it.
struct TemplateFile {
    private let target: TemplateDefinition.FileTarget

    init(_ target: TemplateDefinition.FileTarget) { self.target = target }

    private struct Rights: Equatable {
        var mode: mode_t
        var owner: uid_t
        var group: gid_t
    }

    func current() throws -> [UInt8]? { try FileState(target.path)?.bytes }

    /// Answers whether there was something to write.
    ///
    /// - Parameters:
    ///   - validate: Looks at the new content, in the same directory; throws where it must not be written.
    ///   - aboutToReplace: Just before the new content takes the place of the old.
    func write(
        _ content: [UInt8], validate: (String) async throws -> Void, aboutToReplace: () throws -> Void
    ) async throws -> Bool {
        let old = try FileState(target.path)
        let rights = try rights(old)
        if let old, old.bytes == content, rights == Rights(mode: old.mode, owner: old.owner, group: old.group) {
            return false
        }
        let draft = try FileDraft(
            content, for: target.path, mode: rights.mode, owner: rights.owner, group: rights.group)
        do {
            try await validate(draft.path)
            if target.keepsBackup, let old, old.bytes != content {
                try FileDraft(
                    old.bytes, for: target.path + ".bak", mode: old.mode, owner: old.owner, group: old.group
                ).commit()
            }
            try aboutToReplace()
        } catch {
            draft.discard()
            throw error
        }
        try draft.commit()
        return true
    }

    private func rights(_ old: FileState?) throws -> Rights {
        Rights(
            mode: target.mode.map { mode_t($0) } ?? old?.mode ?? mode_t(TemplateDefinition.FileTarget.newMode),
            owner: try target.owner.map(Self.user) ?? old?.owner ?? geteuid(),
            group: try target.group.map(Self.group) ?? old?.group ?? getegid())
    }

    private static func user(_ name: String) throws -> uid_t {
        if let number = uid_t(name) { return number }
        guard let entry = getpwnam(name) else {
            throw StorageError(operation: "set the owner", path: name, cause: "there is no such user")
        }
        return entry.pointee.pw_uid
    }

    private static func group(_ name: String) throws -> gid_t {
        if let number = gid_t(name) { return number }
        guard let entry = getgrnam(name) else {
            throw StorageError(operation: "set the group", path: name, cause: "there is no such group")
        }
        return entry.pointee.gr_gid
    }
}
