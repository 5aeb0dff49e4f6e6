// SPDX-License-Identifier: Apache-2.0

import COpenSSL
import Glibc

/// Keys of session tickets (RFC 5077, 4): 16 octets of name, 32 of HMAC-SHA256's key, 32 of AES-256's.
struct TLSTickets {
    static let keyBytes = 80
    private static let nameBytes = 16
    private static let macBytes = 32

    private let keys: [[UInt8]]

    init(_ keys: [[UInt8]]) { self.keys = keys }

    /// SSL_CTX_set_tlsext_ticket_key_evp_cb(3), for a new ticket: negative on failure.
    func seal(
        _ name: UnsafeMutablePointer<UInt8>, _ vector: UnsafeMutablePointer<UInt8>, _ cipher: OpaquePointer,
        _ mac: OpaquePointer
    ) -> Int32 {
        guard let key = keys.first, RAND_bytes(vector, 16) == 1 else { return -1 }
        for place in 0..<Self.nameBytes { name[place] = key[place] }
        return begin(key, vector, cipher, mac, sealing: true) ? 1 : -1
    }

    /// The same for a client's ticket: 0 where its key is gone, 2 where it is to have a new one.
    func open(
        _ name: UnsafeMutablePointer<UInt8>, _ vector: UnsafeMutablePointer<UInt8>, _ cipher: OpaquePointer,
        _ mac: OpaquePointer
    ) -> Int32 {
        guard let place = keys.firstIndex(where: { memcmp($0, name, Self.nameBytes) == 0 }) else { return 0 }
        guard begin(keys[place], vector, cipher, mac, sealing: false) else { return -1 }
        return place == 0 ? 1 : 2
    }

    private func begin(
        _ key: [UInt8], _ vector: UnsafeMutablePointer<UInt8>, _ cipher: OpaquePointer, _ mac: OpaquePointer,
        sealing: Bool
    ) -> Bool {
        key.withUnsafeBufferPointer { key in
            // `TLSServer` has checked their length.
            guard key.count == Self.keyBytes, let start = key.baseAddress else { return false }
            let secret = start + Self.nameBytes
            return openssl_ticket_mac(mac, secret, Self.macBytes) == 1
                && openssl_ticket_cipher(cipher, secret + Self.macBytes, vector, sealing ? 1 : 0) == 1
        }
    }
}
