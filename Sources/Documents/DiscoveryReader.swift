// SPDX-License-Identifier: Apache-2.0

/// The `discovery` of a host's document: Consul, or a file.
enum DiscoveryReader {
    private static let access = ["address", "token-file", "tls", "datacenter", "namespace", "partition"]
    private static let following = ["max-stale", "quiet", "longest-quiet", "tags"]

    static func source(_ reader: Reader) -> DiscoverySource? {
        guard let fields = Fields(reader, of: "'discovery'", keys: ["consul", "file"]) else { return nil }
        let consul = fields["consul"].flatMap(consul)
        let file = fields["file"]?.absolutePath()
        if fields["consul"] != nil, fields["file"] != nil { fields.problem("discovery is in consul or file, not both") }
        if fields["consul"] == nil, fields["file"] == nil { fields.problem("'discovery' needs 'consul' or 'file'") }
        return consul.map(DiscoverySource.consul) ?? file.map { .file(path: $0) }
    }

    private static func consul(_ reader: Reader) -> ConsulDiscovery? {
        guard let fields = Fields(reader, of: "'consul'", keys: access + following) else { return nil }
        var result = ConsulDiscovery()
        result.access = ConsulAccess(fields)
        result.maximumStale = fields["max-stale"]?.duration(.milliseconds(100) ... .seconds(600))
        result.quiet = fields["quiet"]?.duration(.zero ... .seconds(60)) ?? result.quiet
        result.longestQuiet = fields["longest-quiet"]?.duration(.zero ... .seconds(600)) ?? result.longestQuiet
        result.followsTags = fields["tags"]?.bool() ?? result.followsTags
        if result.quiet > result.longestQuiet, let culprit = fields["longest-quiet"] ?? fields["quiet"] {
            culprit.problem("'quiet' is longer than 'longest-quiet'")
        }
        return result
    }
}
