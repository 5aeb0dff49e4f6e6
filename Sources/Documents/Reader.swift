// SPDX-License-Identifier: Apache-2.0

import Model
import Yams

/// A cursor at one value of a document: says what it expects there, and reports what it finds instead.
struct Reader {
    /// What a value is, by the rules of YAML 1.2's core schema.
    enum Kind {
        case nothing
        case bool(Bool)
        case number(String)
        case text(String)
        case list([Node])
        case mapping([(key: Node, value: Node)])
        case tagged(String)
    }

    let kind: Kind
    let place: Place
    /// What the value is called in messages: mostly its key.
    let name: String
    let composition: Composition
    let report: Report

    /// The whole document.
    init(_ composition: Composition, report: Report) {
        self.init(composition.root, name: "document", place: Place(composition.root), composition, report)
    }

    private init(_ node: Node, name: String, place: Place, _ composition: Composition, _ report: Report) {
        self.kind = Kind(node, composition)
        self.name = name
        self.place = place
        self.composition = composition
        self.report = report
    }

    /// The value of a key, or an element of a list, seen through an alias; nil where an alias names nothing.
    func child(_ node: Node, name: String) -> Reader? {
        let place = Place(node)
        guard report.admit(at: place) else { return nil }
        guard case .scalar(let scalar) = node, let alias = composition.alias(scalar) else {
            return Reader(node, name: name, place: place, composition, report)
        }
        guard let target = composition.node(anchor: alias) else {
            report.add("\(name): no anchor \(Quoted.text("&" + alias)) for this alias", at: place)
            return nil
        }
        return Reader(target, name: name, place: Place(target), composition, report)
    }

    // MARK: Saying what is wrong

    func problem(_ message: String) { report.add("\(name): \(message)", at: place) }

    /// `expected a duration, found 12`.
    func expected(_ what: String, hint: String = "") { problem("expected \(what), found \(found)\(hint)") }

    func unsupported(_ what: String) { report.add("\(what): not yet supported", at: place) }

    var found: String {
        switch kind {
        case .nothing: "nothing"
        case .bool(let value): "\(value)"
        case .number(let text): Quoted.bare(text)
        case .text(let text): (Kind(plain: text).isText ? "" : "the text ") + Quoted.text(text)
        case .list: "a list"
        case .mapping: "a mapping"
        case .tagged(let tag): "the tag " + Quoted.text(Kind.shorthand(tag))
        }
    }

    // MARK: Values

    /// The elements of a list; what is none is reported and has none.
    func elements(of what: String) -> [Reader] {
        guard case .list(let nodes) = kind else {
            expected("a list of \(what)")
            return []
        }
        return nodes.compactMap { child($0, name: name) }
    }

    func text(_ what: String = "text") -> String? {
        switch kind {
        case .text(let text): return text
        case .number, .bool: expected(what, hint: "; put it in quotes if it is meant as text")
        default: expected(what)
        }
        return nil
    }

    func integer(_ range: ClosedRange<Int>, _ what: String = "a whole number") -> Int? {
        // No leading zeros: YAML 1.1 takes them for octal, YAML 1.2 does not.
        guard case .number(let digits) = kind, let value = Int(digits), String(value) == digits, range ~= value else {
            expected("\(what) from \(range.lowerBound) to \(range.upperBound)")
            return nil
        }
        return value
    }

    func bool() -> Bool? {
        guard case .bool(let value) = kind else {
            expected("true or false")
            return nil
        }
        return value
    }

    /// One of a few words.
    func choice<Choice: RawRepresentable & CaseIterable>(
        _ type: Choice.Type, less refused: [String] = []
    ) -> Choice? where Choice.RawValue == String {
        if case .text(let text) = kind, let choice = Choice(rawValue: text) { return choice }
        let words = type.allCases.map(\.rawValue).filter { !refused.contains($0) }
        guard case .text(let text) = kind else {
            expected(Words.either(words))
            return nil
        }
        expected(Words.either(words), hint: Nearest.suggestion(for: text, among: words))
        return nil
    }

    func duration(_ range: ClosedRange<Duration>, wholeSeconds: Bool = false) -> Duration? {
        let bounds = "from \(DurationText.text(range.lowerBound)) to \(DurationText.text(range.upperBound))"
        guard case .text(let text) = kind, let value = DurationText.duration(text), range.contains(value),
            !wholeSeconds || value.components.attoseconds == 0
        else {
            expected("a duration \(bounds)\(wholeSeconds ? " in whole seconds" : ""), such as 10s")
            return nil
        }
        return value
    }
}

extension Reader.Kind {
    init(_ node: Node, _ composition: Composition) {
        switch node {
        case .sequence(let sequence) where Reader.Kind.isPlain(sequence.tag, "seq"): self = .list(Array(sequence))
        case .mapping(let mapping) where Reader.Kind.isPlain(mapping.tag, "map"): self = .mapping(Array(mapping))
        case .scalar(let scalar) where scalar.tag.rawValue.isEmpty && scalar.style == .plain:
            self = Reader.Kind(plain: composition.text(scalar))
        case .scalar(let scalar) where Reader.Kind.isPlain(scalar.tag, "str"): self = .text(composition.text(scalar))
        case .scalar(let scalar): self = .tagged(scalar.tag.rawValue)
        case .sequence(let sequence): self = .tagged(sequence.tag.rawValue)
        case .mapping(let mapping): self = .tagged(mapping.tag.rawValue)
        case .alias: self = .nothing
        }
    }

    /// An unquoted scalar (YAML 1.2.2 §10.3.2): `yes`, `off` and `12:30` are text.
    init(plain text: String) {
        switch text {
        case "", "~", "null", "Null", "NULL": self = .nothing
        case "true", "True", "TRUE": self = .bool(true)
        case "false", "False", "FALSE": self = .bool(false)
        default: self = Reader.Kind.isNumber(text) ? .number(text) : .text(text)
        }
    }

    var isText: Bool {
        if case .text = self { true } else { false }
    }

    private static func isPlain(_ tag: Tag, _ name: String) -> Bool {
        ["", "!", "tag:yaml.org,2002:\(name)"].contains(tag.rawValue)
    }

    /// `!!set` as it is written.
    static func shorthand(_ tag: String) -> String {
        let standard = "tag:yaml.org,2002:"
        return tag.hasPrefix(standard) ? "!!" + tag.dropFirst(standard.count) : tag
    }

    /// Integers in any base, and what could be a float.
    private static func isNumber(_ text: String) -> Bool {
        var digits = Substring(text)
        if let sign = digits.first, sign == "-" || sign == "+" { digits.removeFirst() }
        for (prefix, radix) in [("0x", 16), ("0o", 8)] where digits.hasPrefix(prefix) {
            return UInt64(digits.dropFirst(2), radix: radix) != nil
        }
        guard let first = digits.utf8.first(where: { $0 != UInt8(ascii: ".") }) else { return false }
        guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first) else {
            return [".inf", ".Inf", ".INF", ".nan", ".NaN", ".NAN"].contains(digits)
        }
        return digits.utf8.allSatisfy { "0123456789.eE+-".utf8.contains($0) } && Double(text) != nil
    }
}

extension Place {
    init(_ node: Node) {
        self = node.mark.map { Place(line: $0.line, column: $0.column) } ?? .wholeFile
    }
}
