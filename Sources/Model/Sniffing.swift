// SPDX-License-Identifier: Apache-2.0

/// Where a listener sends what is not for its routes, told by a connection's first bytes.
public struct Sniffing: Hashable, Sendable {
    /// TLS that goes on as it is, by the name that its client asks for (SNI).
    public struct Passage: Hashable, Sendable {
        /// In lower case: `example.org`, `*.example.org`.
        public var host: String
        public var service: String

        public init(host: String, service: String) {
            self.host = host
            self.service = service
        }
    }

    public static let passagesMax = 256

    /// Sorted by host; exact names win, then the longest.
    public private(set) var passages: [Passage]
    /// The service of what is neither TLS nor HTTP, or says nothing in time; nil: it is refused.
    public var raw: String?

    public init(passages: [Passage] = [], raw: String? = nil) {
        self.passages = passages.sorted { NameHash.precedes($0.host, $1.host) }
        self.raw = raw
    }

    public var services: Set<String> { Set(passages.map(\.service) + [raw].compactMap(\.self)) }

    /// What keeps it from being part of a generation.
    var faults: [String] {
        var faults = passages.compactMap { RouteText.hostFault($0.host) }
        if Set(passages.map(\.host)).count < passages.count { faults.append("a host passes through twice") }
        if passages.count > Self.passagesMax { faults.append("more than \(Self.passagesMax) hosts pass through") }
        return faults
    }

    /// Why no connection can be sent to a service.
    public static func fault(of service: VirtualService?) -> String? {
        guard let service else { return "is not there" }
        if service.vip.transport != .tcp { return "is of UDP, which has no connections" }
        return service.vip.port == 0 ? "has a VIP of any port: its backends have none to connect to" : nil
    }
}

extension Sniffing {
    var members: [String: CanonicalValue] {
        var members: [String: CanonicalValue] = [
            "passages": .array(
                passages.map { .object(["host": .string($0.host), "service": .string($0.service)]) })
        ]
        if let raw { members["raw"] = .string(raw) }
        return members
    }

    init(passages reader: CanonicalReader, raw: String?) throws(CanonicalError) {
        let passages = try reader.array { reader throws(CanonicalError) in
            let fields = try reader.object(["host", "service"])
            return Passage(host: try fields["host"].string(), service: try fields["service"].string())
        }
        self.init(passages: passages, raw: raw)
        guard self.passages == passages else { throw reader.fault("hosts are out of order") }
        if let fault = faults.first { throw reader.fault(fault) }
    }
}
