// SPDX-License-Identifier: Apache-2.0

import Mustache

/// A text as a template sees it.
struct TextValue: MustacheTransformable, MustacheCustomRenderable, MustacheParent {
    let text: String
    /// `keys.limit`, for messages.
    let path: String

    var renderText: String {
        RenderWatch.current?.shows(path)
        return text
    }

    /// An empty text is nothing, in sections too.
    var isNull: Bool { text.isEmpty }

    /// Without this the package would look for members of this very struct.
    func child(named: String) -> Any? { nil }

    func transform(_ name: String) -> Any? {
        switch name {
        case "json": return JSONText.quoted(text)
        case "lines":
            let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map {
                TextValue(text: String($0.last == "\r" ? $0.dropLast() : $0), path: path)
            }
            // The end of the last line begins no further one.
            return ListValue(lines.last?.text.isEmpty == true ? Array(lines.dropLast()) : lines, path: path)
        case "true": return ["true", "yes", "on", "1"].contains(text.lowercased())
        case "count": return text.count
        default: return text.transform(name)
        }
    }
}

/// Members by name.
struct FieldsValue: MustacheTransformable, MustacheCustomRenderable, MustacheParent {
    let fields: [String: Any]
    let path: String

    var renderText: String {
        RenderWatch.current?.refuse("'\(path)' has members and is no text")
        return ""
    }

    var isNull: Bool { false }

    func child(named: String) -> Any? { fields[named] }

    /// `sorted` and `json` are of those whose members are texts.
    func transform(_ name: String) -> Any? {
        let texts = fields.compactMapValues { $0 as? TextValue }.sorted { $0.key < $1.key }
        switch name {
        case "count": return fields.count
        case "empty": return fields.isEmpty
        case "sorted":
            return ListValue(
                texts.map { name, value in
                    FieldsValue(fields: ["key": TextValue(text: name, path: value.path), "value": value], path: path)
                }, path: path)
        case "json":
            return "{" + texts.map { JSONText.quoted($0) + ":" + JSONText.quoted($1.text) }.joined(separator: ",") + "}"
        default: return nil
        }
    }
}

/// Elements in an order; some can also be had by name.
struct ListValue: MustacheSequence, MustacheTransformable, MustacheCustomRenderable, MustacheParent {
    let elements: [Any]
    let named: [String: Any]
    let path: String

    init(_ elements: [Any], named: [String: Any] = [:], path: String) {
        self.elements = elements
        self.named = named
        self.path = path
    }

    var renderText: String {
        RenderWatch.current?.refuse("'\(path)' is a list and no text; {{#...}} goes through it")
        return ""
    }

    var isNull: Bool { false }

    func makeIterator() -> IndexingIterator<[Any]> { elements.makeIterator() }

    func child(named name: String) -> Any? { named[name] }

    func transform(_ name: String) -> Any? {
        switch name {
        case "first": elements.first
        case "last": elements.last
        case "count": elements.count
        case "empty": elements.isEmpty
        case "reversed": ListValue(elements.reversed(), named: named, path: path)
        case "sorted":
            ListValue(elements.compactMap { $0 as? TextValue }.sorted { $0.text < $1.text }, path: path)
        case "json":
            "[" + elements.compactMap { ($0 as? TextValue).map { JSONText.quoted($0.text) } }.joined(separator: ",")
                + "]"
        default: nil
        }
    }
}

enum JSONText {
    /// RFC 8259, section 7.
    static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            case "\0"..<" ", "\u{7f}":
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}
