// SPDX-License-Identifier: Apache-2.0

import Model

/// The `templates` of a host's document.
struct TemplatesReader {
    /// A relative path of a source starts at the document's folder.
    let beside: (String) -> String

    private static let keys = [
        "name", "source", "services", "keys", "prefixes", "target", "validate", "command", "timeout", "wait",
    ]
    /// Each key and prefix is followed by a connection of its own, of which an agent allows 200.
    private static let followedMax = 64

    func templates(_ reader: Reader) -> [TemplateDefinition] {
        var templates: [TemplateDefinition] = []
        var followed: Set<String> = []
        for element in reader.elements(of: "templates") {
            guard let template = template(element) else { continue }
            if templates.contains(where: { $0.name == template.name }) {
                element.problem("two templates have the name \(Quoted.text(template.name))")
            }
            if templates.contains(where: { $0.target.place == template.target.place }) {
                element.problem("two templates write \(Quoted.text(template.target.place))")
            }
            templates.append(template)
            followed.formUnion(template.keys.map(\.key) + template.prefixes.map { "prefix " + $0.prefix })
            if followed.count > Self.followedMax {
                element.problem("more than \(Self.followedMax) keys and prefixes; put keys below one prefix")
            }
        }
        return templates
    }

    private func template(_ reader: Reader) -> TemplateDefinition? {
        guard let fields = Fields(reader, of: "a template", keys: Self.keys) else { return nil }
        let name = fields.required("name")?.word(lengthMax: 63, NameRule.service)
        let source = fields.required("source").flatMap(self.source)
        let target = fields.required("target").flatMap(self.target)
        guard let name, let source, let target else { return nil }
        var result = TemplateDefinition(name: name, source: source, target: target)
        result.services = fields["services"].map { entries($0, of: "services", service) } ?? []
        result.keys = fields["keys"].map { entries($0, of: "keys", key) } ?? []
        result.prefixes = fields["prefixes"].map { entries($0, of: "prefixes", prefix) } ?? []
        result.validate = fields["validate"].flatMap(command)
        result.command = fields["command"].flatMap(command)
        result.timeout = fields["timeout"]?.duration(.milliseconds(100) ... .seconds(3600)) ?? result.timeout
        result.wait = fields["wait"].flatMap(wait) ?? result.wait
        if let validate = result.validate, !validate.namesPath {
            fields["validate"]?.problem("needs \(TemplateDefinition.pathWord), which stands for the file to look at")
        }
        if case .key(let target) = result.target, result.reads(target) {
            fields["target"]?.problem("the template reads the key that it writes")
        }
        return result
    }

    private func source(_ reader: Reader) -> TemplateDefinition.Source? {
        guard let fields = Fields(reader, of: "'source'", keys: ["file", "key"]), isOne(of: ["file", "key"], fields)
        else { return nil }
        if let key = fields["key"] { return keyName(key).map { .key($0) } }
        return fields["file"]?.path().map { .file(beside($0)) }
    }

    private func target(_ reader: Reader) -> TemplateDefinition.Target? {
        let ofFile = ["mode", "owner", "group", "backup"]
        guard let fields = Fields(reader, of: "'target'", keys: ["file", "key"] + ofFile),
            isOne(of: ["file", "key"], fields)
        else { return nil }
        if let key = fields["key"] {
            for name in ofFile { fields[name]?.problem("a key of Consul's has none") }
            return keyName(key).map { .key($0) }
        }
        guard let path = fields["file"]?.absolutePath() else { return nil }
        return .file(
            TemplateDefinition.FileTarget(
                path: path, mode: fields["mode"].flatMap(mode),
                owner: fields["owner"]?.word(lengthMax: 32, NameRule.group),
                group: fields["group"]?.word(lengthMax: 32, NameRule.group),
                keepsBackup: fields["backup"]?.bool() ?? true))
    }

    private func isOne(of names: [String], _ fields: Fields) -> Bool {
        let count = names.count { fields[$0] != nil }
        if count != 1 { fields.problem("\(fields.subject) needs \(names.joined(separator: " or ")), one of them") }
        return count == 1
    }

    /// As chmod(1) has it: three or four octal digits, with or without quotes.
    private func mode(_ reader: Reader) -> UInt16? {
        let text: String? =
            switch reader.kind {
            case .text(let text), .number(let text): text
            default: nil
            }
        guard let text, (3...4).contains(text.count), let mode = UInt16(text, radix: 8), mode <= 0o777 else {
            reader.expected("a mode such as \"0644\"")
            return nil
        }
        return mode
    }

    // MARK: What fills it

    /// A list of words, each standing for itself, or of mappings.
    private func entries<Need>(
        _ reader: Reader, of what: String, _ read: (Reader, String, Fields?) -> (name: String, need: Need)?
    ) -> [Need] {
        var needs: [Need] = []
        var names: Set<String> = []
        for element in reader.elements(of: what) {
            let found: (name: String, need: Need)?
            if case .text(let word) = element.kind {
                found = read(element, word, nil)
            } else {
                found = mapping(element, of: what, read)
            }
            guard let (name, need) = found else { continue }
            if !names.insert(name).inserted { element.problem("the name \(Quoted.text(name)) is there twice") }
            needs.append(need)
        }
        return needs
    }

    private func mapping<Need>(
        _ reader: Reader, of what: String, _ read: (Reader, String, Fields?) -> (name: String, need: Need)?
    ) -> (name: String, need: Need)? {
        let keys = [
            "services": ["name", "service", "filter", "tagged-address", "datacenter", "states", "minimum"],
            "keys": ["name", "key", "default"], "prefixes": ["name", "prefix", "minimum"],
        ]
        guard let fields = Fields(reader, of: "an entry of '\(what)'", keys: keys[what] ?? []),
            let name = fields.required("name")?.text("a name")
        else { return nil }
        return read(reader, name, fields)
    }

    private func service(
        _ reader: Reader, _ name: String, _ fields: Fields?
    ) -> (name: String, need: TemplateDefinition.ServiceNeed)? {
        guard isName(name, reader) else { return nil }
        let service = fields?["service"].map { $0.text("a service's name") } ?? name
        guard let service else { return nil }
        var need = TemplateDefinition.ServiceNeed(name: name, query: CatalogQuery(service: service))
        need.query.filter = fields?["filter"]?.text("a filter")
        need.query.taggedAddress = fields?["tagged-address"]?.text("the tag of an address")
        need.query.datacenter = fields?["datacenter"]?.word(lengthMax: 64, NameRule.service)
        need.minimum = fields?["minimum"]?.integer(0...100_000) ?? need.minimum
        if let states = fields?["states"] {
            need.states = Set(states.elements(of: "states").compactMap { $0.choice(CatalogInstance.State.self) })
            if need.states.isEmpty { states.problem("at least one state is needed") }
        }
        return (name, need)
    }

    private func key(
        _ reader: Reader, _ name: String, _ fields: Fields?
    ) -> (name: String, need: TemplateDefinition.KeyNeed)? {
        guard isName(name, reader) else { return nil }
        let key = fields?["key"].map(keyName) ?? name
        guard let key else { return nil }
        return (name, TemplateDefinition.KeyNeed(name: name, key: key, fallback: fields?["default"]?.text()))
    }

    private func prefix(
        _ reader: Reader, _ name: String, _ fields: Fields?
    ) -> (name: String, need: TemplateDefinition.PrefixNeed)? {
        guard isName(name, reader) else { return nil }
        let prefix = fields?["prefix"].map(keyName) ?? name + "/"
        guard let prefix else { return nil }
        let minimum = fields?["minimum"]?.integer(0...100_000) ?? 1
        return (name, TemplateDefinition.PrefixNeed(name: name, prefix: prefix, minimum: minimum))
    }

    /// Mustache takes a dot for a step down, and a tag holds nothing else.
    private func isName(_ name: String, _ reader: Reader) -> Bool {
        let isGood =
            !name.isEmpty && name.count <= 64
            && name.unicodeScalars.allSatisfy { NameRule.service.allows($0) && $0 != "." }
        if !isGood {
            reader.problem(
                "\(Quoted.text(name)) can be no name in a template: letters, digits, '-' and '_'; "
                    + "give it one beside it, { name: NAME, ... }")
        }
        return isGood
    }

    private func keyName(_ reader: Reader) -> String? {
        guard let text = reader.text("a key") else { return nil }
        guard !text.isEmpty, !text.hasPrefix("/"), text.utf8.count <= 512,
            text.unicodeScalars.allSatisfy(Quoted.isPrintable)
        else {
            reader.expected("a key such as config/limit, without a slash in front")
            return nil
        }
        return text
    }

    // MARK: What is done

    /// A text goes to a shell, a list is a program and its arguments.
    private func command(_ reader: Reader) -> TemplateDefinition.Command? {
        guard case .list = reader.kind else {
            guard let text = reader.text("a command") else { return nil }
            if text.allSatisfy(\.isWhitespace) { reader.expected("a command") }
            return .shell(text)
        }
        let words = reader.elements(of: "words").compactMap { $0.text("a word") }
        guard let program = words.first, !program.isEmpty else {
            reader.expected("a program and its arguments")
            return nil
        }
        return .program(words)
    }

    private func wait(_ reader: Reader) -> QuietTime? {
        guard let fields = Fields(reader, of: "'wait'", keys: ["min", "max"]) else { return nil }
        let quiet = fields["min"]?.duration(.zero ... .seconds(600)) ?? .milliseconds(250)
        // As consul-template has it.
        let longest = fields["max"]?.duration(.zero ... .seconds(3600)) ?? quiet * 4
        guard quiet <= longest else {
            fields.problem("'min' is longer than 'max'")
            return nil
        }
        return QuietTime(quiet: quiet, longest: longest)
    }
}

extension TemplateDefinition {
    fileprivate func reads(_ key: String) -> Bool {
        source == .key(key) || keys.contains { $0.key == key } || prefixes.contains { key.hasPrefix($0.prefix) }
    }
}

extension TemplateDefinition.Command {
    fileprivate var namesPath: Bool {
        switch self {
        case .shell(let text): text.contains(TemplateDefinition.pathWord)
        case .program(let words): words.contains { $0.contains(TemplateDefinition.pathWord) }
        }
    }
}
