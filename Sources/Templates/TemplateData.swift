// SPDX-License-Identifier: Apache-2.0

import Model

/// All that a template is filled from, at one moment, whole.
public struct TemplateData: Hashable, Sendable {
    public struct Service: Hashable, Sendable {
        /// Those that the template asks for, in the catalog's order.
        public var instances: [CatalogInstance]
        public var routes: [CatalogRoute]

        public init(instances: [CatalogInstance] = [], routes: [CatalogRoute] = []) {
            self.instances = instances
            self.routes = routes
        }
    }

    /// One key below a prefix.
    public struct Entry: Hashable, Sendable {
        /// Whole.
        public var key: String
        /// Without the prefix.
        public var name: String
        public var value: String

        public init(key: String, name: String, value: String) {
            self.key = key
            self.name = name
            self.value = value
        }
    }

    public var host: String
    public var template: String
    /// By the names that the template gives them, as all others.
    public var services: [String: Service]
    public var keys: [String: String]
    public var prefixes: [String: [Entry]]

    public init(
        host: String = "", template: String = "", services: [String: Service] = [:], keys: [String: String] = [:],
        prefixes: [String: [Entry]] = [:]
    ) {
        self.host = host
        self.template = template
        self.services = services
        self.keys = keys
        self.prefixes = prefixes
    }
}
