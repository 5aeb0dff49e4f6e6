// SPDX-License-Identifier: Apache-2.0

/// A route that instances ask for by their tags or their metadata.
///
/// - fabio's tags: `urlprefix-HOST/PATH [OPTION...]`, `urlprefix-:PORT [OPTION...]`.
/// - Ours: a tag `sluice.route=HOST/PATH [OPTION...]`, or metadata `sluice-route`, `sluice-route-NAME` with that value
///   (Consul allows no dot in a key of metadata); `sluice.timeout=` and `sluice.retries=` are options of all routes of
///   the instance.
public struct CatalogRoute: Hashable, Sendable {
    /// In lower case; empty: any. May begin with `*.`.
    public var host: String
    /// Begins with a slash; empty for a port alone.
    public var path: String
    /// Of a route by port, as fabio's for TCP.
    public var port: UInt16?
    /// As they stand; one without a value has an empty one.
    public var options: [String: String]
    /// Names of the instances that ask for it, sorted.
    public var instances: [String]

    public init(
        host: String, path: String, port: UInt16? = nil, options: [String: String] = [:], instances: [String] = []
    ) {
        self.host = host
        self.path = path
        self.port = port
        self.options = options
        self.instances = instances
    }
}
