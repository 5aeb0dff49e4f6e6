// SPDX-License-Identifier: Apache-2.0

import Model

extension ListenerTLS {
    private static let keys = ["certificates", "client-ca", "protocols", "min-version"]

    /// From a listener's `tls`.
    init?(_ reader: Reader) {
        guard let fields = Fields(reader, of: "'tls'", keys: Self.keys) else { return nil }
        let list = fields.required("certificates")
        let certificates = list?.elements(of: "certificates") ?? []
        if let list, certificates.isEmpty { list.problem("at least one certificate is needed") }
        let version = fields["min-version"].map { Self.version($0) } ?? .tls12
        let speeches = fields["protocols"].map(Self.speeches) ?? Set(Speech.allCases)
        let read = certificates.compactMap { Certificate($0) }
        guard let version, !speeches.isEmpty, !read.isEmpty, read.count == certificates.count else { return nil }
        if read.count > Self.certificatesMax { list?.problem("there may be \(Self.certificatesMax)") }
        self.init(
            certificates: read, clientAuthority: fields["client-ca"]?.absolutePath(), speeches: speeches,
            minimumVersion: version)
    }

    /// Also unquoted, where YAML takes it for a number.
    private static func version(_ reader: Reader) -> Version? {
        if case .number(let text) = reader.kind, let version = Version(rawValue: text) { return version }
        return reader.choice(Version.self)
    }

    /// Empty, and reported, where one of them is none.
    private static func speeches(_ reader: Reader) -> Set<Speech> {
        let elements = reader.elements(of: "protocols")
        let speeches = elements.compactMap { $0.choice(Speech.self) }
        if elements.isEmpty { reader.problem("at least one protocol is needed") }
        return speeches.count == elements.count ? Set(speeches) : []
    }
}

extension ListenerTLS.Certificate {
    fileprivate init?(_ reader: Reader) {
        guard let fields = Fields(reader, of: "a certificate", keys: ["cert", "key"]) else { return nil }
        let chain = fields.required("cert")?.absolutePath()
        let key = fields.required("key")?.absolutePath()
        guard let chain, let key else { return nil }
        self.init(chain: chain, key: key)
    }
}
