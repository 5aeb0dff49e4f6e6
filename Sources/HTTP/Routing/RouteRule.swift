// SPDX-License-Identifier: Apache-2.0

/// Which requests go where: one route as it was configured.
struct RouteRule: Sendable, Equatable {
    enum Host: Sendable, Hashable {
        case any
        /// In lower case, without a port.
        case exact(String)
        /// All names that end with a dot and this: `*.example.org`.
        case under(String)
    }

    enum Path: Sendable, Hashable {
        case exact(String)
        /// Ends with a slash: all paths that begin so. Does not: the path itself, and those that go on with a slash.
        case prefix(String)
    }

    struct Header: Sendable, Hashable {
        /// In lower case.
        var name: String
        /// nil: it is enough that the field is there.
        var value: String?
    }

    struct Target: Sendable, Equatable {
        var service: Int
        /// The share of requests; a target of weight 0 gets none.
        var weight: UInt32
    }

    var host = Host.any
    var path = Path.prefix("/")
    /// Case matters; nil: any.
    var method: String?
    var headers: [Header] = []
    var targets: [Target]

    /// What makes two rules the same: a request that matches one always matches the other.
    struct Key: Hashable, Sendable {
        var host: Host
        var path: Path
        var method: String?
        var headers: Set<Header>
    }

    var key: Key { Key(host: host, path: path, method: method, headers: Set(headers)) }

    /// Pairs of rules that are the same, each by its index and that of the first one like it.
    static func duplicates(in rules: [RouteRule]) -> [(first: Int, again: Int)] {
        var seen: [Key: Int] = [:]
        var found: [(first: Int, again: Int)] = []
        for (index, rule) in rules.enumerated() {
            if let first = seen[rule.key] { found.append((first, index)) } else { seen[rule.key] = index }
        }
        return found
    }

    /// Of two rules for one host and path: who asks for more is asked first, then who was written first.
    var demands: Int { (method == nil ? 0 : 1000) + headers.count }
}
