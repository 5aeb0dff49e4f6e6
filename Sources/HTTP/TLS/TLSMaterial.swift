// SPDX-License-Identifier: Apache-2.0

/// What a listener's files hold, and how it speaks TLS: all that a process needs that cannot read the files.
///
/// It has private keys: it goes from a process that may read them to those that use them, and nowhere else.
public struct TLSMaterial: Sendable, Hashable, Codable {
    public struct Certificate: Sendable, Hashable, Codable {
        /// The files that the two come from, by which faults are told.
        public var chainFile: String
        public var keyFile: String
        /// PEM, the server's own first.
        public var chain: [UInt8]
        /// PEM.
        public var key: [UInt8]

        public init(chainFile: String, keyFile: String, chain: [UInt8], key: [UInt8]) {
            self.chainFile = chainFile
            self.keyFile = keyFile
            self.chain = chain
            self.key = key
        }

        /// Reads both.
        public init(chainFile: String, keyFile: String) throws(TLSError) {
            self.init(
                chainFile: chainFile, keyFile: keyFile, chain: try PEM.octets(of: chainFile, as: "certificate"),
                key: try PEM.octets(of: keyFile, as: "key"))
        }
    }

    /// What is offered by ALPN.
    public enum Protocols: String, Sendable, Hashable, Codable {
        case both, http1, http2
    }

    /// The first is shown to who asks for no name, or for one that none of them has.
    public var certificates: [Certificate]
    /// PEM of certificates, one of which must have signed a client's; nil: none is asked for.
    public var clientAuthority: [UInt8]?
    public var clientAuthorityFile = ""
    public var protocols = Protocols.both
    /// Not TLS 1.2 either.
    public var isModern = false
    /// Shared by workers, so that a session of one is resumed by another: the first seals tickets, all open them. Each
    /// has `TLSServer.ticketKeyBytes`; without any each server has one of its own.
    public var ticketKeys: [[UInt8]] = []

    public init(_ certificates: [Certificate]) { self.certificates = certificates }

    /// Clients must show a certificate that one of this file's has signed.
    public mutating func readClientAuthority(_ file: String) throws(TLSError) {
        clientAuthority = try PEM.octets(of: file, as: "client authority")
        clientAuthorityFile = file
    }
}
