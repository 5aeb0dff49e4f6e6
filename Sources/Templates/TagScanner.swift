// SPDX-License-Identifier: Apache-2.0

/// One tag of a template.
struct Tag {
    enum Kind { case variable, section, inverted, close }

    var kind: Kind
    /// `services.web`, `.`; empty where a transform stands alone, as in `last()`.
    var name: String
    /// The outermost first.
    var transforms: [String]
    var line: Int
    var column: Int
    /// As it is written: `#services.web`.
    var text: String
}

/// Reads a template's tags with their places.
///
/// The package that fills templates says of a section that is never closed only that the text has ended, and takes
/// what it does not know for empty; so the tags are looked at here first.
struct TagScanner {
    private let characters: [Character]
    private let place: String
    private var position = 0
    private var line = 1
    private var column = 1
    private var start: [Character] = ["{", "{"]
    private var end: [Character] = ["}", "}"]
    /// Sections that are open.
    private var depth = 0

    private static let nameCharacters = Set("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-_?()*")

    static func tags(of text: String, place: String) throws(TemplateError) -> [Tag] {
        var scanner = TagScanner(characters: Array(text), place: place)
        var tags: [Tag] = []
        while scanner.skipText() {
            if let tag = try scanner.tag() { tags.append(tag) }
        }
        return tags
    }

    private init(characters: [Character], place: String) {
        self.characters = characters
        self.place = place
    }

    /// Moves to the next tag; false where there is none.
    private mutating func skipText() -> Bool {
        while position < characters.count {
            if isAt(start) { return true }
            advance()
        }
        return false
    }

    /// Nil where it says nothing about data: a comment, other delimiters.
    private mutating func tag() throws(TemplateError) -> Tag? {
        let begin = (line: line, column: column)
        func failure(_ message: String) -> TemplateError {
            TemplateError(place, line: begin.line, column: begin.column, message)
        }
        advance(by: start.count)
        guard position < characters.count else { throw failure("a tag begins here and nothing follows") }
        let mark = characters[position]
        if "#^/!{&><$=%".contains(mark) { advance() }
        switch mark {
        case ">", "<", "$": throw failure("partials and blocks ('\(mark)') are not supported")
        case "!":
            guard skip(past: end) else { throw failure("the comment is never closed") }
            return nil
        case "%":
            guard skip(past: end) else { throw failure("the tag is never closed") }
            return nil
        case "=":
            guard depth == 0 else { throw failure("delimiters are changed inside a section; do it outside") }
            guard setDelimiters() else { throw failure("expected other delimiters, such as {{=<% %>=}}") }
            return nil
        default: break
        }
        let word = readName()
        guard isAt(end) else { throw failure(unfinished(word)) }
        advance(by: end.count)
        if mark == "{" {
            guard isAt(["}"]) else { throw failure("'{{{\(word)' is closed by '}}}'") }
            advance()
        }
        let kinds: [Character: Tag.Kind] = ["#": .section, "^": .inverted, "/": .close]
        let kind = kinds[mark] ?? .variable
        depth += kind == .variable ? 0 : kind == .close ? -1 : 1
        guard let (name, transforms) = Self.split(word) else {
            throw failure("'\(word)' is no name: NAME or transform(NAME) is expected")
        }
        return Tag(
            kind: kind, name: name, transforms: transforms, line: begin.line, column: begin.column,
            text: (kind == .variable ? "" : String(mark)) + word)
    }

    private func unfinished(_ word: String) -> String {
        guard position < characters.count, !characters[position].isNewline else { return "the tag is never closed" }
        let found = characters[position]
        return word.isEmpty
            ? "'\(found)' cannot stand in a name" : "'\(found)' after '\(word)' cannot stand in a name"
    }

    private mutating func readName() -> String {
        skipBlanks()
        var name = ""
        while position < characters.count, Self.nameCharacters.contains(characters[position]), !isAt(end) {
            name.append(characters[position])
            advance()
        }
        skipBlanks()
        return name
    }

    /// `a(b(name))` into `a`, `b` and the name; nil where the brackets do not match.
    private static func split(_ word: String) -> (String, [String])? {
        var parts = word.split(separator: "(", omittingEmptySubsequences: false).map(String.init)
        guard parts.count > 1 else { return word.contains(")") ? nil : (word, []) }
        let last = parts.removeLast()
        let name = last.prefix { $0 != ")" }
        let closing = last.dropFirst(name.count)
        guard closing.count == parts.count, closing.allSatisfy({ $0 == ")" }),
            parts.allSatisfy({ !$0.isEmpty && !$0.contains(")") })
        else { return nil }
        return (String(name), parts)
    }

    /// `=<% %>=` behind its first sign.
    private mutating func setDelimiters() -> Bool {
        var words: [[Character]] = []
        while words.count < 2 {
            skipBlanks()
            var word: [Character] = []
            while position < characters.count, !characters[position].isWhitespace, characters[position] != "=" {
                word.append(characters[position])
                advance()
            }
            guard !word.isEmpty else { return false }
            words.append(word)
        }
        skipBlanks()
        guard isAt(["="] + end) else { return false }
        advance(by: end.count + 1)
        (start, end) = (words[0], words[1])
        return true
    }

    private mutating func skip(past word: [Character]) -> Bool {
        while position < characters.count {
            if isAt(word) {
                advance(by: word.count)
                return true
            }
            advance()
        }
        return false
    }

    private mutating func skipBlanks() {
        while position < characters.count, characters[position].isWhitespace { advance() }
    }

    private func isAt(_ word: [Character]) -> Bool {
        position + word.count <= characters.count && characters[position..<position + word.count].elementsEqual(word)
    }

    private mutating func advance(by count: Int = 1) {
        for _ in 0..<count {
            let isNewline = characters[position].isNewline
            line += isNewline ? 1 : 0
            column = isNewline ? 1 : column + 1
            position += 1
        }
    }
}
