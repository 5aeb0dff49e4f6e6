// SPDX-License-Identifier: Apache-2.0

import COpenSSL
import Glibc

/// Text of PEM in memory, and the file that it is from.
struct PEM {
    let octets: [UInt8]
    let file: String

    /// Of a file that is read.
    static let bytesMax = 1 << 20

    init(_ octets: [UInt8], _ file: String) {
        self.octets = octets
        self.file = file
    }

    /// Reads a file: open(2), read(2). A pipe or device is none: who opens it could wait for ever.
    static func octets(of file: String, as what: String) throws(TLSError) -> [UInt8] {
        let descriptor = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw TLSError("read \(what)", file, String(cString: strerror(errno))) }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw TLSError("read \(what)", file, "it is no file")
        }
        var octets = [UInt8](repeating: 0, count: bytesMax + 1)
        var count = 0
        while count < octets.count {
            let answer = octets.withUnsafeMutableBytes {
                Glibc.read(descriptor, $0.baseAddress.map { $0 + count }, $0.count - count)
            }
            if answer < 0 && errno == EINTR { continue }
            guard answer >= 0 else { throw TLSError("read \(what)", file, String(cString: strerror(errno))) }
            if answer == 0 { break }
            count += answer
        }
        guard count <= bytesMax else { throw TLSError("read \(what)", file, "it has more than 1 MiB") }
        return Array(octets[..<count])
    }

    /// At least one; the caller frees them.
    func certificates(_ what: String) throws(TLSError) -> [OpaquePointer] {
        ERR_clear_error()
        guard let source = openssl_bytes(octets, Int32(clamping: octets.count)) else { throw TLSError("read", file) }
        defer { BIO_free(source) }
        var found: [OpaquePointer] = []
        while let one = PEM_read_bio_X509(source, nil, nil, nil) { found.append(one) }
        // The end of the text is told as an error too: that there was no more to find.
        guard !found.isEmpty, openssl_is_end_of_pem(ERR_peek_last_error()) != 0 else {
            for one in found { X509_free(one) }
            throw TLSError("read \(what)", file)
        }
        ERR_clear_error()
        return found
    }

    /// The caller frees it.
    func key() throws(TLSError) -> OpaquePointer {
        ERR_clear_error()
        guard let source = openssl_bytes(octets, Int32(clamping: octets.count)) else { throw TLSError("read", file) }
        defer { BIO_free(source) }
        // A key that asks for a password is refused: there is nobody to answer.
        guard let key = PEM_read_bio_PrivateKey(source, nil, { _, _, _, _ in -1 }, nil) else {
            throw TLSError("read key", file)
        }
        return key
    }
}
