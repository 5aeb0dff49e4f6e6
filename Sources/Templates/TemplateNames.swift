// SPDX-License-Identifier: Apache-2.0

import Model

/// Which names a template may use. What Mustache does not know it takes for empty, and a configuration with a hole in
/// it is worse than none.
struct TemplateNames {
    private let declared: [String: Set<String>]

    init(_ definition: TemplateDefinition) {
        declared = [
            "services": Set(definition.services.map(\.name)), "keys": Set(definition.keys.map(\.name)),
            "prefixes": Set(definition.prefixes.map(\.name)),
        ]
    }

    /// Of all levels: a name is also looked for in what surrounds it.
    private static let known: Set<String> = [
        "host", "template", "services", "routes", "keys", "prefixes",
        "name", "instances",
        "node", "id", "address", "port", "endpoint", "weight", "state", "active", "draining", "out", "tags", "meta",
        "service", "path", "options",
        "key", "value",
    ]
    private static let ofService: Set<String> = ["name", "instances", "routes"]
    private static let transforms: Set<String> = [
        "first", "last", "index", "even", "odd", "count", "empty", "reversed", "sorted", "lowercased", "uppercased",
        "capitalized", "plusone", "minusone", "equalzero", "json", "lines", "true",
    ]
    /// What is inside is named by others: metadata, options, keys below a prefix.
    private static let open: Set<String> = ["meta", "options", "prefixes"]

    static let depthMax = 32

    /// Throws the first thing that is wrong with the tags, in their order.
    func check(_ tags: [Tag], place: String) throws(TemplateError) {
        var sections: [Tag] = []
        for tag in tags {
            func failure(_ message: String) -> TemplateError {
                TemplateError(place, line: tag.line, column: tag.column, message)
            }
            if tag.kind == .close {
                guard let opened = sections.popLast() else { throw failure("'\(tag.text)' closes nothing") }
                guard (opened.name, opened.transforms) == (tag.name, tag.transforms) else {
                    throw failure("'\(tag.text)' closes '\(opened.text)' of line \(opened.line)")
                }
                continue
            }
            if let problem = problem(of: tag, in: sections) { throw failure(problem) }
            if tag.kind != .variable { sections.append(tag) }
            guard sections.count <= Self.depthMax else { throw failure("more than \(Self.depthMax) sections deep") }
        }
        if let left = sections.last {
            throw TemplateError(place, line: left.line, column: left.column, "'\(left.text)' is never closed")
        }
    }

    private func problem(of tag: Tag, in sections: [Tag]) -> String? {
        if let transform = tag.transforms.first(where: { !Self.transforms.contains($0) }) {
            return "unknown transform '\(transform)'"
                + Nearest.suggestion(for: transform, among: Self.transforms.sorted())
        }
        guard tag.name != "." else { return nil }
        let parts = tag.name.split(separator: ".").map(String.init)
        guard let first = parts.first else { return tag.transforms.isEmpty ? "a tag without a name" : nil }
        if let names = declared[first], parts.count > 1 {
            guard names.contains(parts[1]) else { return undeclared(parts[1], of: first, names) }
            guard first == "services", parts.count > 2, !Self.ofService.contains(parts[2]) else { return nil }
            return "unknown name '\(parts[2])' of a service"
                + Nearest.suggestion(for: parts[2], among: Self.ofService.sorted())
        }
        if Self.known.contains(first) || sections.contains(where: isOpen) { return nil }
        // Inside `{{#keys}}` the names of keys stand alone.
        if sections.contains(where: { declared[$0.name]?.contains(first) == true }) { return nil }
        return "unknown name '\(first)'" + Nearest.suggestion(for: first, among: Self.known.sorted())
    }

    private func undeclared(_ name: String, of kind: String, _ names: Set<String>) -> String {
        "no '\(name)' under this template's '\(kind)'" + Nearest.suggestion(for: name, among: names.sorted())
    }

    private func isOpen(_ section: Tag) -> Bool {
        section.name.split(separator: ".").contains { Self.open.contains(String($0)) }
    }
}
