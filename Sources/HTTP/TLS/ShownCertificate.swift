// SPDX-License-Identifier: Apache-2.0

import COpenSSL
import Glibc

/// What a person wants to know of a certificate.
public struct ShownCertificate: Sendable, Hashable {
    /// Those that clients may ask for; the subject's where it has none.
    public var names: [String]
    /// Seconds since 1970.
    public var expiry: Int64

    public init(names: [String], expiry: Int64) {
        self.names = names
        self.expiry = expiry
    }

    /// Whole ones, rounded down; below 0: it has expired.
    public func days(at now: Int64) -> Int { Int((Double(expiry - now) / 86_400).rounded(.down)) }
}

extension TLSMaterial {
    /// Of each certificate the server's own.
    public func shown() throws(TLSError) -> [ShownCertificate] {
        var shown: [ShownCertificate] = []
        for certificate in certificates {
            let chain = try PEM(certificate.chain, certificate.chainFile).certificates("certificate")
            defer { for one in chain { X509_free(one) } }
            var time = tm()
            guard ASN1_TIME_to_tm(X509_get0_notAfter(chain[0]), &time) == 1 else {
                throw TLSError("read the expiry of", certificate.chainFile)
            }
            shown.append(ShownCertificate(names: Self.names(of: chain[0]), expiry: Int64(timegm(&time))))
        }
        return shown
    }

    private static func names(of certificate: OpaquePointer) -> [String] {
        var names: [String] = []
        if let list = X509_get_ext_d2i(certificate, NID_subject_alt_name, nil, nil) {
            let stack = OpaquePointer(list)
            defer { GENERAL_NAMES_free(stack) }
            for index in 0..<max(OPENSSL_sk_num(stack), 0) {
                guard let entry = OPENSSL_sk_value(stack, index) else { continue }
                var kind: Int32 = 0
                let value = GENERAL_NAME_get0_value(entry.assumingMemoryBound(to: GENERAL_NAME.self), &kind)
                guard kind == GEN_DNS, let value else { continue }
                names.append(text(OpaquePointer(value)))
            }
        }
        if !names.isEmpty { return names }
        let subject = X509_get_subject_name(certificate)
        let place = X509_NAME_get_index_by_NID(subject, NID_commonName, -1)
        guard place >= 0, let data = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, place)) else { return [] }
        return [text(OpaquePointer(data))]
    }

    /// As printable ASCII: who made the certificate chose its octets, and a terminal is to show them.
    private static func text(_ string: OpaquePointer) -> String {
        let asn1 = UnsafeMutablePointer<ASN1_STRING>(string)
        guard let start = ASN1_STRING_get0_data(asn1) else { return "" }
        let bytes = UnsafeBufferPointer(start: start, count: Int(max(ASN1_STRING_length(asn1), 0)))
        return String(decoding: bytes.map { (0x21...0x7e).contains($0) ? $0 : 0x3f }, as: UTF8.self)
    }
}
