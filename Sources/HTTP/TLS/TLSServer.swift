// SPDX-License-Identifier: Apache-2.0

import COpenSSL
import Glibc

/// The certificates that a listener shows, chosen by the name that a client asks for; made anew for a reload.
///
/// TLS 1.2 and 1.3, with the cipher suites that HTTP/2 allows (RFC 9113, 9.2.2).
public final class TLSServer: @unchecked Sendable {  // immutable once made; OpenSSL counts references by itself
    public struct Certificate: Sendable, Hashable {
        /// PEM, the server's own first.
        public var chain: String
        /// PEM.
        public var key: String

        public init(chain: String, key: String) {
            self.chain = chain
            self.key = key
        }
    }

    private let contexts: [OpaquePointer]

    private static let ciphers =
        "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
        + "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"

    private let tickets: TLSTickets

    /// - Parameters:
    ///   - certificates: the first is shown to who asks for no name, or for one that none of them has.
    ///   - clientAuthority: a file of certificates, one of which must have signed a client's; nil: none is asked for.
    ///   - ticketKeys: shared by workers, so that a session of one is resumed by another; nil: random ones.
    /// - Throws: what is wrong with the first file that does not serve.
    public convenience init(
        _ certificates: [Certificate], clientAuthority: String? = nil, ticketKeys: [UInt8]? = nil
    ) throws(TLSError) {
        var read: [TLSMaterial.Certificate] = []
        for certificate in certificates {
            read.append(try .init(chainFile: certificate.chain, keyFile: certificate.key))
        }
        var material = TLSMaterial(read)
        if let clientAuthority { try material.readClientAuthority(clientAuthority) }
        material.ticketKeys = [ticketKeys].compactMap(\.self)
        try self.init(material)
    }

    /// - Parameter admitsExpired: for who goes on with certificates that were good when they came.
    /// - Throws: what is wrong with the first file that does not serve.
    public init(_ material: TLSMaterial, admitsExpired: Bool = false) throws(TLSError) {
        guard !material.certificates.isEmpty else { throw TLSError("serve TLS", "", "no certificate is given") }
        guard material.ticketKeys.allSatisfy({ $0.count == Self.ticketKeyBytes }) else {
            throw TLSError("use ticket keys of", "TLS", "they are not \(Self.ticketKeyBytes) octets")
        }
        var contexts: [OpaquePointer] = []
        do throws(TLSError) {
            for certificate in material.certificates {
                contexts.append(try Self.context(certificate, material, admitsExpired))
            }
        } catch {
            for context in contexts { SSL_CTX_free(context) }
            throw error
        }
        self.contexts = contexts
        tickets = TLSTickets(material.ticketKeys)
        // Each connection begins with the first and keeps this object as long as it lives.
        let own = Unmanaged.passUnretained(self).toOpaque()
        openssl_on_server_name(contexts[0], chooseCertificate, own)
        guard !material.ticketKeys.isEmpty else { return }
        for context in contexts {
            SSL_CTX_set_ex_data(context, 0, own)
            SSL_CTX_set_tlsext_ticket_key_evp_cb(context, askForTicket)
        }
    }

    deinit { for context in contexts { SSL_CTX_free(context) } }

    /// How many octets `ticketKeys` has.
    public static let ticketKeyBytes = TLSTickets.keyBytes

    /// A connection's end, which the caller frees; nil: there is no memory.
    func connection(on socket: Int32) -> OpaquePointer? {
        guard let connection = SSL_new(contexts[0]) else { return nil }
        guard SSL_set_fd(connection, socket) == 1 else {
            SSL_free(connection)
            return nil
        }
        SSL_set_accept_state(connection)
        return connection
    }

    /// The context whose certificate has the name; nil: none has.
    fileprivate func context(named name: UnsafePointer<CChar>) -> OpaquePointer? {
        contexts.first { X509_check_host(SSL_CTX_get0_certificate($0), name, strlen(name), 0, nil) == 1 }
    }

    private static func context(
        _ certificate: TLSMaterial.Certificate, _ material: TLSMaterial, _ admitsExpired: Bool
    ) throws(TLSError) -> OpaquePointer {
        ERR_clear_error()
        guard let context = SSL_CTX_new(TLS_server_method()) else { throw TLSError("make a context for", "TLS") }
        do throws(TLSError) {
            guard openssl_server_modes(context) != 0, SSL_CTX_set_cipher_list(context, ciphers) == 1,
                openssl_minimum_version(context, material.isModern ? 1 : 0) != 0
            else { throw TLSError("choose ciphers of", "TLS") }
            // A constant's octets end with a 0, and stay.
            SSL_CTX_set_alpn_select_cb(
                context, chooseProtocol, UnsafeMutableRawPointer(mutating: material.protocols.offer.utf8Start))
            try fill(context, certificate, admitsExpired)
            if let authority = material.clientAuthority {
                try demandClient(context, PEM(authority, material.clientAuthorityFile))
            }
        } catch {
            SSL_CTX_free(context)
            throw error
        }
        return context
    }

    private static func fill(
        _ context: OpaquePointer, _ certificate: TLSMaterial.Certificate, _ admitsExpired: Bool
    ) throws(TLSError) {
        let chain = try PEM(certificate.chain, certificate.chainFile).certificates("certificate")
        defer { for one in chain { X509_free(one) } }
        guard SSL_CTX_use_certificate(context, chain[0]) == 1,
            chain.dropFirst().allSatisfy({ openssl_add_chain(context, $0) == 1 })
        else { throw TLSError("use certificate", certificate.chainFile) }
        if !admitsExpired, X509_cmp_current_time(X509_get0_notAfter(chain[0])) < 0 {
            throw TLSError("use certificate", certificate.chainFile, "it has expired")
        }
        let key = try PEM(certificate.key, certificate.keyFile).key()
        defer { EVP_PKEY_free(key) }
        // OpenSSL compares the two here already.
        guard SSL_CTX_use_PrivateKey(context, key) == 1, SSL_CTX_check_private_key(context) == 1 else {
            throw TLSError("use key", certificate.keyFile)
        }
    }

    private static func demandClient(_ context: OpaquePointer, _ authority: PEM) throws(TLSError) {
        let known = try authority.certificates("client authority")
        defer { for one in known { X509_free(one) } }
        for one in known {
            guard X509_STORE_add_cert(SSL_CTX_get_cert_store(context), one) == 1,
                SSL_CTX_add_client_CA(context, one) == 1
            else { throw TLSError("use client authority", authority.file) }
        }
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nil)
        var purpose: UInt8 = 0x73
        _ = SSL_CTX_set_session_id_context(context, &purpose, 1)
    }

    fileprivate func useTicket(
        _ name: UnsafeMutablePointer<UInt8>, _ vector: UnsafeMutablePointer<UInt8>, _ cipher: OpaquePointer,
        _ mac: OpaquePointer, sealing: Bool
    ) -> Int32 {
        sealing ? tickets.seal(name, vector, cipher, mac) : tickets.open(name, vector, cipher, mac)
    }
}

/// What is wrong with TLS's files.
public struct TLSError: Error, CustomStringConvertible {
    public let description: String

    init(_ operation: String, _ subject: String, _ cause: String? = nil) {
        var text = cause ?? "unknown reason"
        // The last of OpenSSL's errors names the cause, those before it where it was found.
        if cause == nil, let reason = ERR_reason_error_string(ERR_peek_last_error()) { text = String(cString: reason) }
        ERR_clear_error()
        description = "\(operation) \(subject): \(text)"
    }
}

/// SSL_CTX_set_tlsext_servername_callback(3). An unknown name is shown the first certificate: its client judges it.
private func chooseCertificate(
    _ connection: OpaquePointer?, _ alert: UnsafeMutablePointer<Int32>?, _ server: UnsafeMutableRawPointer?
) -> Int32 {
    guard let connection, let server, let name = openssl_server_name(connection) else { return SSL_TLSEXT_ERR_OK }
    if let context = Unmanaged<TLSServer>.fromOpaque(server).takeUnretainedValue().context(named: name) {
        SSL_set_SSL_CTX(connection, context)
    }
    return SSL_TLSEXT_ERR_OK
}

/// SSL_CTX_set_alpn_select_cb(3): HTTP/2 before HTTP/1.1; who offers neither is refused (RFC 7301, 3.2).
private func chooseProtocol(
    _: OpaquePointer?, _ out: UnsafeMutablePointer<UnsafePointer<UInt8>?>?, _ outCount: UnsafeMutablePointer<UInt8>?,
    _ offered: UnsafePointer<UInt8>?, _ count: UInt32, _ ours: UnsafeMutableRawPointer?
) -> Int32 {
    guard let ours = ours?.assumingMemoryBound(to: UInt8.self) else { return SSL_TLSEXT_ERR_ALERT_FATAL }
    var chosen: UnsafeMutablePointer<UInt8>?
    let found = SSL_select_next_proto(&chosen, outCount, ours, UInt32(strlen(ours)), offered, count)
    guard found == OPENSSL_NPN_NEGOTIATED, let chosen else { return SSL_TLSEXT_ERR_ALERT_FATAL }
    out?.pointee = UnsafePointer(chosen)
    return SSL_TLSEXT_ERR_OK
}

/// SSL_CTX_set_tlsext_ticket_key_evp_cb(3).
private func askForTicket(
    _ connection: OpaquePointer?, _ name: UnsafeMutablePointer<UInt8>?, _ vector: UnsafeMutablePointer<UInt8>?,
    _ cipher: OpaquePointer?, _ mac: OpaquePointer?, _ sealing: Int32
) -> Int32 {
    guard let connection, let name, let vector, let cipher, let mac,
        let server = SSL_CTX_get_ex_data(SSL_get_SSL_CTX(connection), 0)
    else { return -1 }
    return Unmanaged<TLSServer>.fromOpaque(server).takeUnretainedValue()
        .useTicket(name, vector, cipher, mac, sealing: sealing != 0)
}

extension TLSMaterial.Protocols {
    /// As RFC 7301, 3.1, lists them; the first that a client knows is chosen.
    fileprivate var offer: StaticString {
        switch self {
        case .both: "\u{2}h2\u{8}http/1.1"
        case .http1: "\u{8}http/1.1"
        case .http2: "\u{2}h2"
        }
    }
}
