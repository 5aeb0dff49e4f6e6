// SPDX-License-Identifier: Apache-2.0

/// How a listener speaks TLS. It names files, which each host reads for itself: what they hold is never published.
public struct ListenerTLS: Hashable, Sendable {
    public struct Certificate: Hashable, Sendable {
        /// A file of PEM, the server's own certificate first, then those that signed it.
        public var chain: String
        /// A file of PEM.
        public var key: String

        public init(chain: String, key: String) {
            self.chain = chain
            self.key = key
        }
    }

    /// What a connection may speak, by its name in ALPN (RFC 7301).
    public enum Speech: String, Hashable, Sendable, CaseIterable {
        case http2 = "h2"
        case http1 = "http/1.1"
    }

    public enum Version: String, Hashable, Sendable, CaseIterable {
        case tls12 = "1.2"
        case tls13 = "1.3"
    }

    public static let certificatesMax = 256

    /// Chosen by the name that a client asks for; the first is for who asks for no name, or for one that none has.
    public var certificates: [Certificate]
    /// A file of certificates, one of which must have signed a client's; nil: clients need none.
    public var clientAuthority: String?
    /// What is offered, in the order of `Speech`.
    public private(set) var speeches: [Speech]
    public var minimumVersion: Version

    public init(
        certificates: [Certificate], clientAuthority: String? = nil, speeches: Set<Speech> = Set(Speech.allCases),
        minimumVersion: Version = .tls12
    ) {
        self.certificates = certificates
        self.clientAuthority = clientAuthority
        self.speeches = Speech.allCases.filter(speeches.contains)
        self.minimumVersion = minimumVersion
    }

    /// All that a host has to read.
    public var files: [String] { certificates.flatMap { [$0.chain, $0.key] } + [clientAuthority].compactMap(\.self) }

    /// What keeps it from being part of a generation.
    public var faults: [String] {
        var faults: [String] = []
        if certificates.isEmpty { faults.append("TLS needs a certificate") }
        if certificates.count > Self.certificatesMax {
            faults.append("\(certificates.count) certificates: there may be \(Self.certificatesMax)")
        }
        if speeches.isEmpty { faults.append("TLS needs a protocol to offer") }
        faults += files.filter { !$0.hasPrefix("/") }.map { "\($0) is no absolute path" }
        return faults
    }
}

extension ListenerTLS {
    var canonical: CanonicalValue {
        var members: [String: CanonicalValue] = [
            "certificates": .array(
                certificates.map { .object(["chain": .string($0.chain), "key": .string($0.key)]) }),
            "protocols": .array(speeches.map { .string($0.rawValue) }),
            "minimum-version": .string(minimumVersion.rawValue),
        ]
        if let clientAuthority { members["client-authority"] = .string(clientAuthority) }
        return .object(members)
    }

    init(_ reader: CanonicalReader) throws(CanonicalError) {
        let fields = try reader.object(["certificates", "protocols", "minimum-version", "client-authority"])
        let speeches: [Speech] = try fields["protocols"].array { reader throws(CanonicalError) in try reader.choice() }
        self.init(
            certificates: try fields["certificates"].array { reader throws(CanonicalError) in
                let fields = try reader.object(["chain", "key"])
                return Certificate(chain: try fields["chain"].string(), key: try fields["key"].string())
            }, clientAuthority: try fields.optional("client-authority")?.string(), speeches: Set(speeches),
            minimumVersion: try fields["minimum-version"].choice())
        guard self.speeches == speeches else { throw reader.fault("protocols are out of order") }
        if let fault = faults.first { throw reader.fault(fault) }
    }
}
