// SPDX-License-Identifier: Apache-2.0

import Model

/// What an instance's tags and metadata say about routes, still as text.
struct RouteWords {
    private(set) var routes: [(place: String, text: String)] = []
    /// Of all routes of the instance.
    private(set) var options: [String: String] = [:]
    private(set) var problems: [CatalogProblem] = []
    private let instance: String

    private static let fabio = "urlprefix-"
    private static let ours = "sluice."
    private static let oursInMeta = "sluice-"
    /// Keys that are options of all routes.
    private static let common: Set<String> = ["timeout", "retries"]

    /// What the tags of services begin with that say something here.
    static let tagPrefixes = [fabio, ours]

    init(_ instance: CatalogInstance) {
        self.instance = instance.name
        for tag in instance.tags {
            if tag.hasPrefix(Self.fabio) {
                routes.append(("tag \(tag)", String(tag.dropFirst(Self.fabio.count))))
            } else if tag.hasPrefix(Self.ours) {
                takeTag(tag)
            }
        }
        for (key, value) in instance.meta.sorted(by: { $0.key < $1.key }) where key.hasPrefix(Self.oursInMeta) {
            take(String(key.dropFirst(Self.oursInMeta.count)), value, place: "meta \(key)")
        }
    }

    private mutating func takeTag(_ tag: String) {
        let parts = tag.dropFirst(Self.ours.count).split(
            separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2 else { return complain("tag \(tag)", "no value: sluice.KEY=VALUE is expected") }
        take(String(parts[0]), String(parts[1]), place: "tag \(tag)")
    }

    private mutating func take(_ key: String, _ value: String, place: String) {
        if key == "route" || key.hasPrefix("route-") {
            routes.append((place, value))
        } else if !Self.common.contains(key) {
            complain(place, "unknown key \(key): route, timeout and retries are known")
        } else if options.updateValue(value, forKey: key) != nil {
            complain(place, "\(key) is there twice")
        }
    }

    private mutating func complain(_ place: String, _ message: String) {
        problems.append(CatalogProblem("instance \(instance): \(place)", message))
    }
}
