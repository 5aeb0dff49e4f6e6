// SPDX-License-Identifier: Apache-2.0

import Model
import Yams

/// The values of a mapping by key. Unknown keys and keys given twice are reported when it is made.
struct Fields {
    let place: Place
    /// What the mapping is, with its article: 'a backend'.
    let subject: String
    private let report: Report
    private var values: [String: Reader] = [:]
    /// Keys that are there, though their values could not be read.
    private var present: Set<String> = []
    /// Keys that an unknown one was probably meant to be: that one is reported, so they are not missed too.
    private var meant: Set<String> = []

    /// Nil, and reported, where the value is no mapping.
    init?(_ reader: Reader, of subject: String, keys: [String]) {
        guard case .mapping(let pairs) = reader.kind else {
            reader.expected("a mapping { \(keys.prefix(4).joined(separator: ", "))\(keys.count > 4 ? ", ..." : "") }")
            return nil
        }
        place = reader.place
        report = reader.report
        self.subject = subject
        var lines: [String: Int] = [:]
        for (key, value) in pairs {
            guard let name = Fields.name(of: key, reader) else { continue }
            let place = Place(key)
            if let first = lines[name] {
                report.add("key \(Quoted.text(name)) is given twice, first in line \(first)", at: place)
                continue
            }
            lines[name] = place.line
            guard keys.contains(name) else {
                report.add(Fields.unknown(name, in: subject, keys), at: place)
                if let nearest = Nearest.word(to: name, among: keys) { meant.insert(nearest) }
                continue
            }
            present.insert(name)
            values[name] = reader.child(value, name: name)
        }
    }

    /// The value of a key; nil where it is not there.
    subscript(key: String) -> Reader? { values[key] }

    /// The value of a key without which the mapping means nothing: reported where it is not there.
    func required(_ key: String) -> Reader? {
        if !present.contains(key) && !meant.contains(key) { problem("\(subject) needs '\(key)'") }
        return values[key]
    }

    /// Says of keys that are there that their feature is not.
    func refuse(_ keys: [String], prefix: String = "") {
        for key in keys { values[key]?.unsupported(prefix + key) }
    }

    func problem(_ message: String) { report.add(message, at: place) }

    private static func unknown(_ name: String, in subject: String, _ keys: [String]) -> String {
        if name == "<<" { return "merge keys ('<<') are not supported; write the keys out" }
        return "unknown key \(Quoted.text(name)) in \(subject)" + Nearest.suggestion(for: name, among: keys)
    }

    private static func name(of key: Node, _ reader: Reader) -> String? {
        guard case .scalar(let scalar) = key, reader.composition.alias(scalar) == nil else {
            reader.report.add("a key has to be a plain word", at: Place(key))
            return nil
        }
        return reader.composition.text(scalar)
    }
}
