// SPDX-License-Identifier: Apache-2.0

import COpenSSL

/// SHA-256, by which blobs are named.
public enum Digest {
    /// The digest as 64 hexadecimal digits in lower case.
    public static func sha256hex(_ bytes: some Collection<UInt8>) -> String {
        var digest = [UInt8](repeating: 0, count: 32)
        let contiguous = Array(bytes)
        let result = EVP_Digest(contiguous, contiguous.count, &digest, nil, EVP_sha256(), nil)
        // Only an OpenSSL without SHA-256 or without memory gets here; input cannot.
        precondition(result == 1, "OpenSSL refuses SHA-256")
        return digest.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
    }
}
