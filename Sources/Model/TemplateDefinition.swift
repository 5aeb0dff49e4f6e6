// SPDX-License-Identifier: Apache-2.0

/// One template of a host: where its text comes from, what fills it, where it goes, and what is done then.
public struct TemplateDefinition: Hashable, Sendable {
    /// Where its text lies.
    public enum Source: Hashable, Sendable {
        case file(String)
        case key(String)

        public var place: String {
            switch self {
            case .file(let path): path
            case .key(let key): "key \(key)"
            }
        }
    }

    /// Where what it makes goes.
    public enum Target: Hashable, Sendable {
        case file(FileTarget)
        case key(String)

        /// `/etc/nginx/nginx.conf`, `key config/nginx`.
        public var place: String {
            switch self {
            case .file(let file): file.path
            case .key(let key): "key \(key)"
            }
        }
    }

    public struct FileTarget: Hashable, Sendable {
        /// Absolute.
        public var path: String
        /// Nil: as the file that is there has it, else `newMode`.
        public var mode: UInt16?
        /// Nil: as the file that is there has it, else this process's.
        public var owner: String?
        public var group: String?
        /// Whether the content before lies beside it, as `PATH.bak`.
        public var keepsBackup: Bool

        /// Of a file that was not there before.
        public static let newMode: UInt16 = 0o640

        public init(
            path: String, mode: UInt16? = nil, owner: String? = nil, group: String? = nil, keepsBackup: Bool = true
        ) {
            self.path = path
            self.mode = mode
            self.owner = owner
            self.group = group
            self.keepsBackup = keepsBackup
        }
    }

    /// A service's instances, under a name that the template uses.
    public struct ServiceNeed: Hashable, Sendable {
        public var name: String
        public var query: CatalogQuery
        /// Which instances are shown.
        public var states: Set<CatalogInstance.State>
        /// With fewer of these the template is not filled.
        public var minimum: Int

        public init(
            name: String, query: CatalogQuery, states: Set<CatalogInstance.State> = [.active], minimum: Int = 1
        ) {
            self.name = name
            self.query = query
            self.states = states
            self.minimum = minimum
        }
    }

    public struct KeyNeed: Hashable, Sendable {
        public var name: String
        public var key: String
        /// Where the key does not exist; nil: the template is not filled then.
        public var fallback: String?

        public init(name: String, key: String, fallback: String? = nil) {
            self.name = name
            self.key = key
            self.fallback = fallback
        }
    }

    public struct PrefixNeed: Hashable, Sendable {
        public var name: String
        public var prefix: String
        /// With fewer keys the template is not filled.
        public var minimum: Int

        public init(name: String, prefix: String, minimum: Int = 1) {
            self.name = name
            self.prefix = prefix
            self.minimum = minimum
        }
    }

    /// A program to run.
    public enum Command: Hashable, Sendable {
        /// By `/bin/sh -c`.
        case shell(String)
        /// The program and its arguments; never empty.
        case program([String])
    }

    public var name: String
    public var source: Source
    public var services: [ServiceNeed] = []
    public var keys: [KeyNeed] = []
    public var prefixes: [PrefixNeed] = []
    public var target: Target
    /// Looks at what is about to be written, at `{path}`; what it refuses is not.
    public var validate: Command?
    /// Run after each write.
    public var command: Command?
    /// For each of the two.
    public var timeout = Duration.seconds(30)
    /// How long nothing has to change before it is filled, and how long that is waited for.
    public var wait = QuietTime()

    public init(name: String, source: Source, target: Target) {
        self.name = name
        self.source = source
        self.target = target
    }

    /// What stands for the path of the file to look at.
    public static let pathWord = "{path}"
}
