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

    /// - Parameters:
    ///   - certificates: the first is shown to who asks for no name, or for one that none of them has.
    ///   - clientAuthority: a file of certificates, one of which must have signed a client's; nil: none is asked for.
    ///   - ticketKeys: shared by workers, so that a session of one is resumed by another; nil: random ones.
    /// - Throws: what is wrong with the first file that does not serve.
    public init(
        _ certificates: [Certificate], clientAuthority: String? = nil, ticketKeys: [UInt8]? = nil
    ) throws(TLSError) {
        guard !certificates.isEmpty else { throw TLSError("serve TLS", "", "no certificate is given") }
        var contexts: [OpaquePointer] = []
        do throws(TLSError) {
            for certificate in certificates {
                contexts.append(try Self.context(certificate, clientAuthority, ticketKeys))
            }
        } catch {
            for context in contexts { SSL_CTX_free(context) }
            throw error
        }
        self.contexts = contexts
        // Each connection begins with the first and keeps this object as long as it lives.
        openssl_on_server_name(contexts[0], chooseCertificate, Unmanaged.passUnretained(self).toOpaque())
    }

    deinit { for context in contexts { SSL_CTX_free(context) } }

    /// How many octets `ticketKeys` has.
    public static let ticketKeyBytes = 80

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
        _ certificate: Certificate, _ authority: String?, _ ticketKeys: [UInt8]?
    ) throws(TLSError) -> OpaquePointer {
        ERR_clear_error()
        guard let context = SSL_CTX_new(TLS_server_method()) else { throw TLSError("make a context for", "TLS") }
        do throws(TLSError) {
            try fill(context, certificate)
            if let authority { try demandClient(context, authority) }
            if let ticketKeys { try share(context, ticketKeys) }
        } catch {
            SSL_CTX_free(context)
            throw error
        }
        return context
    }

    private static func fill(_ context: OpaquePointer, _ certificate: Certificate) throws(TLSError) {
        guard openssl_server_modes(context) != 0, SSL_CTX_set_cipher_list(context, ciphers) == 1 else {
            throw TLSError("choose ciphers of", "TLS")
        }
        SSL_CTX_set_alpn_select_cb(context, chooseProtocol, nil)
        guard SSL_CTX_use_certificate_chain_file(context, certificate.chain) == 1 else {
            throw TLSError("read certificate", certificate.chain)
        }
        if let own = SSL_CTX_get0_certificate(context), X509_cmp_current_time(X509_get0_notAfter(own)) < 0 {
            throw TLSError("use certificate", certificate.chain, "it has expired")
        }
        guard SSL_CTX_use_PrivateKey_file(context, certificate.key, SSL_FILETYPE_PEM) == 1 else {
            // OpenSSL compares the two here already.
            throw TLSError("use key", certificate.key)
        }
        guard SSL_CTX_check_private_key(context) == 1 else {
            throw TLSError("use key", certificate.key, "it does not match \(certificate.chain)")
        }
    }

    private static func demandClient(_ context: OpaquePointer, _ authority: String) throws(TLSError) {
        guard SSL_CTX_load_verify_locations(context, authority, nil) == 1 else {
            throw TLSError("read client authority", authority)
        }
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nil)
        var purpose: UInt8 = 0x73
        _ = SSL_CTX_set_session_id_context(context, &purpose, 1)
    }

    private static func share(_ context: OpaquePointer, _ keys: [UInt8]) throws(TLSError) {
        guard keys.count == openssl_ticket_keys_size(context),
            keys.withUnsafeBytes({ openssl_ticket_keys(context, $0.baseAddress, $0.count) }) != 0
        else { throw TLSError("use ticket keys of", "TLS", "they are not \(ticketKeyBytes) octets") }
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
    _ offered: UnsafePointer<UInt8>?, _ count: UInt32, _: UnsafeMutableRawPointer?
) -> Int32 {
    let ours: StaticString = "\u{2}h2\u{8}http/1.1"
    var chosen: UnsafeMutablePointer<UInt8>?
    let found = SSL_select_next_proto(
        &chosen, outCount, ours.utf8Start, UInt32(ours.utf8CodeUnitCount), offered, count)
    guard found == OPENSSL_NPN_NEGOTIATED, let chosen else { return SSL_TLSEXT_ERR_ALERT_FATAL }
    out?.pointee = UnsafePointer(chosen)
    return SSL_TLSEXT_ERR_OK
}
