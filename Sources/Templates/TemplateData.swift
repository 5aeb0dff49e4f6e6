// SPDX-License-Identifier: Apache-2.0

/// All that a template is filled from, at one moment, whole.
public struct TemplateData: Hashable, Sendable {
    public struct Instance: Hashable, Sendable {
        /// `node/service-id`.
        public var name: String
        public var address: String
        /// 0: none registered.
        public var port: Int
        public var weight: Int
        /// `active`, `draining`, `out`.
        public var state: String
        public var tags: [String]
        public var meta: [String: String]

        public init(
            name: String, address: String, port: Int, weight: Int = 1, state: String = "active", tags: [String] = [],
            meta: [String: String] = [:]
        ) {
            self.name = name
            self.address = address
            self.port = port
            self.weight = weight
            self.state = state
            self.tags = tags
            self.meta = meta
        }
    }

    public struct Route: Hashable, Sendable {
        /// Empty: any.
        public var host: String
        public var path: String
        /// Of a route by port alone.
        public var port: Int?
        public var options: [String: String]
        /// The names of the instances that ask for it.
        public var instances: [String]

        public init(
            host: String, path: String, port: Int? = nil, options: [String: String] = [:], instances: [String] = []
        ) {
            self.host = host
            self.path = path
            self.port = port
            self.options = options
            self.instances = instances
        }
    }

    public struct Service: Hashable, Sendable {
        /// In their order.
        public var instances: [Instance]
        public var routes: [Route]

        public init(instances: [Instance] = [], routes: [Route] = []) {
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
