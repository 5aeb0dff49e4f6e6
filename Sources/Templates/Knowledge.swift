// SPDX-License-Identifier: Apache-2.0

import Model

/// What is known of all that any template needs, whole.
public struct Knowledge: Sendable {
    /// Keys that are followed together.
    public enum KeyQuery: Hashable, Sendable, CustomStringConvertible {
        case key(String)
        case prefix(String)

        public var description: String {
            switch self {
            case .key(let key): "key \(key)"
            case .prefix(let prefix): "prefix \(prefix)"
            }
        }
    }

    public struct KeyReading: Hashable, Sendable {
        /// The last that may be obeyed, by key; nil: there never was one.
        public var held: [String: String]?
        /// Consul answers that there is none any more.
        public var isGone = false
        /// Why it may be out of date.
        public var trouble: String?

        public init(held: [String: String]? = nil, isGone: Bool = false, trouble: String? = nil) {
            self.held = held
            self.isGone = isGone
            self.trouble = trouble
        }
    }

    public enum Text: Hashable, Sendable {
        case content(String)
        case unreadable(String)
    }

    public var services: [CatalogQuery: CatalogService] = [:]
    public var keys: [KeyQuery: KeyReading] = [:]
    /// Of templates, by path.
    public var files: [String: Text] = [:]

    public init() {}
}

/// A template's text and all that fills it.
public struct TemplateInput: Hashable, Sendable {
    public var text: String
    public var data: TemplateData

    public init(text: String, data: TemplateData) {
        self.text = text
        self.data = data
    }
}

/// Whether all is there that a template needs.
public enum Gathered: Hashable, Sendable {
    case complete(TemplateInput)
    /// What is missing, each with the reason; never empty.
    case waiting([String])
}

extension Knowledge {
    /// What one template needs of it.
    public func gather(_ definition: TemplateDefinition, host: String) -> Gathered {
        var missing: [String] = []
        func need<Value>(_ found: Result<Value, Missing>) -> Value? {
            switch found {
            case .success(let value): return value
            case .failure(let reason):
                missing.append(reason.message)
                return nil
            }
        }
        var data = TemplateData(host: host, template: definition.name)
        let text = need(text(of: definition.source))
        for service in definition.services { data.services[service.name] = need(found(service)) }
        for key in definition.keys { data.keys[key.name] = need(found(key)) }
        for prefix in definition.prefixes { data.prefixes[prefix.name] = need(found(prefix)) }
        guard missing.isEmpty, let text else { return .waiting(missing) }
        return .complete(TemplateInput(text: text, data: data))
    }

    private struct Missing: Error {
        let message: String
    }

    private func text(of source: TemplateDefinition.Source) -> Result<String, Missing> {
        switch source {
        case .file(let path):
            switch files[path] {
            case .content(let text): .success(text)
            case .unreadable(let reason): .failure(Missing(message: reason))
            case nil: .failure(Missing(message: "\(path): not read yet"))
            }
        case .key(let key): value(of: key)
        }
    }

    /// A key that was there and is gone keeps its value: what is rendered stays as it is.
    private func value(of key: String) -> Result<String, Missing> {
        let reading = keys[.key(key)]
        if let value = reading?.held?[key] { return .success(value) }
        if let trouble = reading?.trouble { return .failure(Missing(message: "key \(key): \(trouble)")) }
        return .failure(
            Missing(message: reading?.isGone == true ? "key \(key): there is none" : "key \(key): not read yet"))
    }

    private func found(_ need: TemplateDefinition.KeyNeed) -> Result<String, Missing> {
        if let fallback = need.fallback, keys[.key(need.key)]?.isGone == true { return .success(fallback) }
        return value(of: need.key)
    }

    private func found(_ need: TemplateDefinition.PrefixNeed) -> Result<[TemplateData.Entry], Missing> {
        let reading = keys[.prefix(need.prefix)]
        // None is believed only where the template takes none.
        let isEmpty = reading?.isGone == true && (need.minimum == 0 || reading?.held == nil)
        guard let held = isEmpty ? [:] : reading?.held else {
            return .failure(Missing(message: "prefix \(need.prefix): \(reading?.trouble ?? "not read yet")"))
        }
        let entries = held.sorted { $0.key < $1.key }.compactMap { key, value -> TemplateData.Entry? in
            let name = String(key.dropFirst(need.prefix.count))
            // Consul's user interface makes a key of a folder's own name.
            return name.isEmpty || name.hasSuffix("/") ? nil : .init(key: key, name: name, value: value)
        }
        guard entries.count >= need.minimum else {
            return .failure(
                Missing(message: "prefix \(need.prefix): \(entries.count) keys, \(need.minimum) are needed"))
        }
        return .success(entries)
    }

    private func found(_ need: TemplateDefinition.ServiceNeed) -> Result<TemplateData.Service, Missing> {
        let known = services[need.query]
        let isEmpty = need.minimum == 0 && [.emptied, .missing].contains(known?.trouble?.kind)
        guard let reading = isEmpty ? known?.suspect ?? ServiceReading() : known?.reading else {
            let reason = known?.trouble?.message ?? "not read yet"
            return .failure(Missing(message: "service \(need.query): \(reason)"))
        }
        let instances = reading.instances.filter { need.states.contains($0.state) }
        guard instances.count >= need.minimum else {
            let states = need.states.map(\.rawValue).sorted().joined(separator: " or ")
            let count = instances.isEmpty ? "no instance is" : "\(instances.count) instances are"
            return .failure(
                Missing(message: "service \(need.query): \(count) \(states), \(need.minimum) needed"))
        }
        return .success(TemplateData.Service(instances: instances, routes: reading.routes))
    }
}
