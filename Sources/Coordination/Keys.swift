// SPDX-License-Identifier: Apache-2.0

/// What may be a part of a key in every store.
enum KeyPart {
    static let longest = 128

    static func checked(_ text: String) throws -> String {
        guard (1...longest).contains(text.utf8.count), text.allSatisfy(allows), text != ".", text != ".." else {
            throw StoreError.name(text)
        }
        return text
    }

    static func allows(_ character: Character) -> Bool {
        character.isASCII && (character.isLetter || character.isNumber || "-_.:@".contains(character))
    }
}

/// 128 random bits in hexadecimal.
enum RandomName {
    static func make() -> String {
        (0..<4).map { _ in
            let digits = String(UInt32.random(in: 0 ... .max), radix: 16)
            return String(repeating: "0", count: 8 - digits.count) + digits
        }.joined()
    }
}

/// Where a fleet's things lie in a store.
struct StoreKeys: Sendable {
    let fleet: String
    let prefix: String

    /// Throws `StoreError.name` for a fleet's name that cannot be part of a key.
    init(fleet: String, prefix: (String) -> String = { "sluice/\($0)/" }) throws {
        self.fleet = try KeyPart.checked(fleet)
        self.prefix = prefix(fleet)
    }

    var store: String { prefix + "store" }
    func holder(_ lock: LockName) -> String { prefix + lock.holderPath }
    func epoch(_ lock: LockName) -> String { prefix + lock.epochPath }
    func document(_ name: DocumentName) -> String { prefix + name.text }
    func family(_ family: DocumentFamily) -> String { prefix + family.rawValue }
    func scope(_ scope: ChangeScope) -> String { prefix + scope.path }
    var locks: String { prefix + "lock/" }
    var blobs: String { prefix + "blob/" }
    func blob(_ digest: String) -> String { blobs + digest }
    /// Which lock guards a fenced write.
    func path(of key: String) -> String { String(key.dropFirst(prefix.count)) }
}
