// SPDX-License-Identifier: Apache-2.0

import Model

/// Template data as names that a template uses.
enum ShownData {
    static func root(_ data: TemplateData) -> FieldsValue {
        let services = data.services.sorted { $0.key < $1.key }.map { ($0.key, service($0.value, named: $0.key)) }
        let routes = data.services.sorted { $0.key < $1.key }.flatMap { name, service in
            service.routes.map { route($0, of: name) }
        }
        let keys = data.keys.map { ($0.key, TextValue(text: $0.value, path: "keys.\($0.key)")) }
        let prefixes = data.prefixes.map { ($0.key, folder(Node($0.value), path: "prefixes.\($0.key)")) }
        return FieldsValue(
            fields: [
                "host": TextValue(text: data.host, path: "host"),
                "template": TextValue(text: data.template, path: "template"),
                "services": ListValue(
                    services.map(\.1), named: Dictionary(uniqueKeysWithValues: services), path: "services"),
                "routes": ListValue(routes, path: "routes"),
                "keys": FieldsValue(fields: Dictionary(uniqueKeysWithValues: keys), path: "keys"),
                "prefixes": FieldsValue(fields: Dictionary(uniqueKeysWithValues: prefixes), path: "prefixes"),
            ], path: ".")
    }

    /// `{{#services.web}}` goes through its instances.
    private static func service(_ service: TemplateData.Service, named name: String) -> ListValue {
        let instances = service.instances.map { instance($0, of: name) }
        let path = "services.\(name)"
        return ListValue(
            instances,
            named: [
                "name": TextValue(text: name, path: "services"),
                "instances": ListValue(instances, path: path + ".instances"),
                "routes": ListValue(service.routes.map { route($0, of: name) }, path: path + ".routes"),
            ], path: path)
    }

    private static func instance(_ instance: CatalogInstance, of service: String) -> FieldsValue {
        let path = "services.\(service)"
        let parts = instance.name.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        let address = "\(instance.address)"
        let bracketed = instance.address.isIPv4 ? address : "[\(address)]"
        return FieldsValue(
            fields: [
                "name": TextValue(text: instance.name, path: path + ".name"),
                "node": TextValue(text: String(parts.first ?? ""), path: path + ".node"),
                "id": TextValue(text: String(parts.last ?? ""), path: path + ".id"),
                "service": TextValue(text: service, path: path),
                "address": TextValue(text: address, path: path + ".address"),
                "port": Int(instance.port),
                "endpoint": TextValue(text: "\(bracketed):\(instance.port)", path: path + ".endpoint"),
                "weight": Int(instance.weight),
                "state": TextValue(text: instance.state.rawValue, path: path + ".state"),
                "active": instance.state == .active, "draining": instance.state == .draining,
                "out": instance.state == .out,
                "tags": ListValue(
                    instance.tags.map { TextValue(text: $0, path: path + ".tags") }, path: path + ".tags"),
                "meta": texts(instance.meta, path: path + ".meta"),
            ], path: path)
    }

    private static func route(_ route: CatalogRoute, of service: String) -> FieldsValue {
        let path = "services.\(service).routes"
        var fields: [String: Any] = [
            "service": TextValue(text: service, path: path),
            "host": TextValue(text: route.host, path: path + ".host"),
            "path": TextValue(text: route.path, path: path + ".path"),
            "options": texts(route.options, path: path + ".options"),
            "instances": ListValue(
                route.instances.map { TextValue(text: $0, path: path + ".instances") }, path: path + ".instances"),
        ]
        // Where there is none, the port of what surrounds the route must not be taken for it.
        fields["port"] = route.port.map { Int($0) } ?? TextValue(text: "", path: path)
        return FieldsValue(fields: fields, path: path)
    }

    private static func texts(_ texts: [String: String], path: String) -> FieldsValue {
        let pairs = texts.map { ($0.key, TextValue(text: $0.value, path: "\(path).\($0.key)")) }
        return FieldsValue(fields: Dictionary(uniqueKeysWithValues: pairs), path: path)
    }

    /// Keys below a prefix, by the parts of their names.
    private struct Node {
        var entries: [TemplateData.Entry]
        var value: String?
        var children: [String: Node] = [:]

        init(_ entries: [TemplateData.Entry]) {
            self.entries = entries
            for entry in entries {
                add(entry, entry.name.split(separator: "/").map(String.init)[...])
            }
        }

        private mutating func add(_ entry: TemplateData.Entry, _ parts: ArraySlice<String>) {
            guard let first = parts.first else { return }
            var child = children[first] ?? Node([])
            if parts.count == 1 {
                child.value = entry.value
            } else {
                child.entries.append(entry)
                child.add(entry, parts.dropFirst())
            }
            children[first] = child
        }
    }

    /// Goes through all keys below; one part of a name leads to a value or to what lies below it.
    private static func folder(_ node: Node, path: String) -> ListValue {
        let entries = node.entries.map { entry in
            FieldsValue(
                fields: [
                    "key": TextValue(text: entry.key, path: path), "name": TextValue(text: entry.name, path: path),
                    "value": TextValue(text: entry.value, path: path + "." + entry.name),
                ], path: path)
        }
        let named = node.children.map { name, child -> (String, Any) in
            let place = "\(path).\(name)"
            if let value = child.value, child.children.isEmpty { return (name, TextValue(text: value, path: place)) }
            return (name, folder(child, path: place))
        }
        return ListValue(entries, named: Dictionary(uniqueKeysWithValues: named), path: path)
    }
}
