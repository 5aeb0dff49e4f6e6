// SPDX-License-Identifier: Apache-2.0

/// The text of a store's location, taken apart.
struct StoreAddress {
    enum Kind: String {
        case etcd, redis, redlock, consul
        case sentinel = "redis-sentinel"
    }

    let kind: Kind
    let isSecure: Bool
    /// Never empty.
    let ends: [StoreEndpoint]
    /// The master's, of a sentinel.
    let name: String?

    init(_ text: String) throws {
        guard let colon = text.range(of: "://") else { throw Self.unreadable(text) }
        var scheme = String(text[..<colon.lowerBound])
        isSecure = ["etcds", "rediss", "consuls"].contains(scheme)
        if isSecure { scheme.removeLast() }
        guard let kind = Kind(rawValue: scheme) else { throw Self.unreadable(text) }
        self.kind = kind
        let parts = text[colon.upperBound...].split(separator: "/", omittingEmptySubsequences: false)
        let hosts = parts[0].split(separator: ",", omittingEmptySubsequences: false)
        let port = Self.port(of: kind, isSecure: isSecure)
        ends = hosts.compactMap { StoreEndpoint($0, port: port) }
        name = parts.count == 2 && !parts[1].isEmpty ? String(parts[1]) : nil
        guard ends.count == hosts.count, Self.counts(of: kind).contains(ends.count), parts.count <= 2,
            (name != nil) == (kind == .sentinel)
        else { throw Self.unreadable(text) }
    }

    private static func counts(of kind: Kind) -> ClosedRange<Int> {
        switch kind {
        case .redis: 1...1
        case .redlock: 3...15
        case .etcd, .consul, .sentinel: 1...15
        }
    }

    private static func port(of kind: Kind, isSecure: Bool) -> UInt16 {
        switch kind {
        case .etcd: 2379
        case .redis, .redlock: 6379
        case .sentinel: 26379
        case .consul: isSecure ? 8501 : 8500
        }
    }

    private static func unreadable(_ text: String) -> StoreError {
        .settings(
            "'\(text)' names no store; one is etcd://10.0.0.1:2379, redis://10.0.0.1:6379, "
                + "redis-sentinel://10.0.0.1:26379/MASTER, redlock://A,B,C, consul://127.0.0.1:8500 or local:/DIRECTORY"
        )
    }
}

/// A host and a port: `10.0.0.1:2379`, `[2001:db8::1]:2379`, `etcd.example`.
struct StoreEndpoint: Hashable, CustomStringConvertible {
    let host: String
    let port: UInt16

    /// - Parameter port: where the text has none.
    init?(_ text: some StringProtocol, port: UInt16) {
        var host = text[...]
        var digits = host[host.endIndex...]
        if host.first == "[", let end = host.lastIndex(of: "]") {
            digits = host[host.index(after: end)...]
            host = host[..<end].dropFirst()
            guard host.contains(":") else { return nil }
        } else if let colon = host.lastIndex(of: ":") {
            digits = host[colon...]
            host = host[..<colon]
            guard !host.contains(":") else { return nil }
        }
        let isName = host.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || ".-_:".contains($0)) }
        guard !host.isEmpty, isName else { return nil }
        self.host = String(host)
        if digits.isEmpty {
            self.port = port
        } else {
            guard let number = UInt16(digits.dropFirst()), digits.first == ":", number > 0 else { return nil }
            self.port = number
        }
    }

    var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}
