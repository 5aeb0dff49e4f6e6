// SPDX-License-Identifier: Apache-2.0

/// Which characters a name may have.
struct NameRule {
    let what: String
    let allows: @Sendable (Unicode.Scalar) -> Bool

    static let host = NameRule(what: "letters, digits, '.', '-' and '_'", allows: isWord)
    static let group = host
    /// What may be part of a key in every store.
    static let key = host
    static let service = host
    /// As the kernel has it (`dev_valid_name`).
    static let interface = NameRule(what: "no spaces, no '/', no ':'") {
        Quoted.isPrintable($0) && !$0.properties.isWhitespace && $0 != "/" && $0 != ":"
    }
    /// What separates backends in notation stays out of their names.
    static let backend = NameRule(what: "no spaces, no ',', no quotes") {
        Quoted.isPrintable($0) && !$0.properties.isWhitespace && !",'\"".unicodeScalars.contains($0)
    }
    /// Of a request's target and `Host`: nothing that would end the line.
    static let request = NameRule(what: "printable ASCII without spaces") { (0x21...0x7e).contains($0.value) }

    private static let isWord: @Sendable (Unicode.Scalar) -> Bool = { scalar in
        switch scalar {
        case "a"..."z", "A"..."Z", "0"..."9", ".", "-", "_": true
        default: false
        }
    }
}

extension Reader {
    /// A name by its rule, `lengthMax` in bytes.
    func word(lengthMax: Int, _ rule: NameRule) -> String? {
        guard let text = text() else { return nil }
        guard !text.isEmpty, text.utf8.count <= lengthMax, text.unicodeScalars.allSatisfy(rule.allows),
            text != ".", text != ".."
        else {
            expected("1 to \(lengthMax) bytes, \(rule.what)")
            return nil
        }
        return text
    }

    /// A path, at least one character.
    func path() -> String? {
        guard let text = text("a path") else { return nil }
        if text.isEmpty { expected("a path") }
        return text.isEmpty ? nil : text
    }

    /// An absolute path, without a slash at its end.
    func absolutePath() -> String? {
        guard var path = path() else { return nil }
        while path.count > 1, path.hasSuffix("/") { path.removeLast() }
        guard path.hasPrefix("/"), path.count > 1 else {
            expected("an absolute path such as /var/lib/sluice")
            return nil
        }
        return path
    }
}
