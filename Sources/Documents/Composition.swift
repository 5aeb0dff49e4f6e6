// SPDX-License-Identifier: Apache-2.0

import Yams

/// A document as a tree of nodes, before anything is known of its meaning.
///
/// Two things that the parser would do by itself are kept from it by marks in the text, each as long as what it
/// replaces, so that places stay right. Aliases are not resolved there: nested ones would unfold without end before
/// anything could be counted. And a key given twice does not end the reading: `Fields` names it and goes on.
struct Composition {
    /// Stands for each `*`; a plain scalar that begins with it is an alias, since none may begin with `*` itself.
    private static let star: Unicode.Scalar = "\u{e000}"
    /// Stand for the characters of a key that is given again later, each key with its own.
    private static let masks: ClosedRange<UInt32> = 0xe001...0xe010

    let root: Node
    private let anchors: [String: Node]
    private let masked: [Unicode.Scalar: String]

    /// Throws what is wrong with the syntax.
    init(_ text: String, file: String) throws(Problems) {
        var source = Composition.replacing("*", with: Composition.star, in: text)
        var masked: [Unicode.Scalar: String] = [:]
        var tree: (root: Node, anchors: [String: Node])?
        while tree == nil {
            do {
                tree = try Composition.tree(source)
                if tree == nil { throw Composition.problem("the document is empty", file: file) }
            } catch YamlError.duplicatedKeysInMapping(let keys, let context) {
                let place = Place(line: context.mark.line, column: context.mark.column)
                guard let key = keys.first, let mask = Composition.mask(masked.count),
                    let next = Composition.masking(key, at: place, in: source, with: mask)
                else {
                    let key = Quoted.text(Composition.restored(keys.first ?? "", masked: masked))
                    throw Composition.problem("key \(key) is given twice", at: place, file: file)
                }
                masked[mask] = key
                source = next
            } catch {
                throw (error as? Problems) ?? Problems([Syntax.problem(error, in: text, file: file)])
            }
        }
        guard let tree else { throw Composition.problem("the document is empty", file: file) }
        (root, anchors) = tree
        self.masked = masked
    }

    /// Nil where the text is empty but for comments.
    private static func tree(_ text: String) throws -> (root: Node, anchors: [String: Node])? {
        let parser = try Parser(yaml: padded(text), resolver: .basic, constructor: .default, encoding: .utf8)
        // Nodes hold their anchors weakly: the parser has to live until they are gathered.
        return try withExtendedLifetime(parser) {
            guard let root = try parser.singleRoot() else { return nil }
            var anchors: [String: Node] = [:]
            gather(root, into: &anchors)
            return (root, anchors)
        }
    }

    private static func gather(_ node: Node, into anchors: inout [String: Node]) {
        if let anchor = node.anchor { anchors[anchor.rawValue] = node }
        switch node {
        case .mapping(let mapping):
            for (_, value) in mapping { gather(value, into: &anchors) }
        case .sequence(let sequence):
            for element in sequence { gather(element, into: &anchors) }
        case .scalar, .alias: break
        }
    }

    private static func problem(
        _ message: String, at place: Place = Place(line: 1, column: 1), file: String
    ) -> Problems {
        Problems([Problem(file: file, place: place, message: message)])
    }

    /// The name of an alias.
    func alias(_ scalar: Node.Scalar) -> String? {
        guard scalar.style == .plain, scalar.string.unicodeScalars.first == Composition.star else { return nil }
        return String(scalar.string.unicodeScalars.dropFirst())
    }

    func node(anchor: String) -> Node? { anchors[anchor] }

    /// What was written, without marks.
    func text(_ scalar: Node.Scalar) -> String { Composition.restored(scalar.string, masked: masked) }

    // MARK: Marks

    /// The mark of the key given twice that is found as number `index`; nil where so many are no slips.
    private static func mask(_ index: Int) -> Unicode.Scalar? {
        masks.dropFirst(index).first.flatMap(Unicode.Scalar.init)
    }

    private static func restored(_ text: String, masked: [Unicode.Scalar: String]) -> String {
        if let first = text.unicodeScalars.first, let key = masked[first] { return restored(key, masked: [:]) }
        return replacing(star, with: "*", in: text)
    }

    private static func replacing(_ one: Unicode.Scalar, with other: Unicode.Scalar, in text: String) -> String {
        guard text.unicodeScalars.contains(one) else { return text }
        var result = String.UnicodeScalarView()
        result.append(contentsOf: text.unicodeScalars.lazy.map { $0 == one ? other : $0 })
        return String(result)
    }

    /// The text with the characters of the key at the place masked; nil where the key is not written out as it reads.
    private static func masking(
        _ key: String, at place: Place, in text: String, with mask: Unicode.Scalar
    ) -> String? {
        var walk = PlaceWalk()
        let scalars = text.unicodeScalars
        var start = scalars.startIndex
        while start < scalars.endIndex, walk.place != place {
            walk.pass(scalars[start])
            start = scalars.index(after: start)
        }
        if start < scalars.endIndex, scalars[start] == "\"" || scalars[start] == "'" {
            start = scalars.index(after: start)
        }
        let count = key.unicodeScalars.count
        guard count > 0, scalars[start...].starts(with: key.unicodeScalars) else { return nil }
        var result = String.UnicodeScalarView(scalars[..<start])
        result.append(contentsOf: repeatElement(mask, count: count))
        result.append(contentsOf: scalars[start...].dropFirst(count))
        return String(result)
    }

    /// The parser keeps a pointer into the string beyond the call that lends it: right for strings on the heap alone,
    /// and those of up to 15 bytes lie within the value itself.
    private static func padded(_ text: String) -> String {
        var text = text.utf8.count < 64 ? text + String(repeating: "\n", count: 64) : text
        text.makeContiguousUTF8()
        return text
    }
}
