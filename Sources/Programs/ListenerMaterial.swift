// SPDX-License-Identifier: Apache-2.0

import Glibc
import HTTP
import Model

extension TLSMaterial {
    /// Reads a listener's files, and tries whether they serve.
    ///
    /// - Parameter admitsExpired: for who tells of them, and does not begin to show them.
    /// - Throws: the first fault.
    public init(reading tls: ListenerTLS, admitsExpired: Bool = false) throws {
        var certificates: [Certificate] = []
        for certificate in tls.certificates {
            if FileStamp(certificate.key).isForAll { throw OpenKey(file: certificate.key) }
            certificates.append(try Certificate(chainFile: certificate.chain, keyFile: certificate.key))
        }
        self.init(certificates)
        if let file = tls.clientAuthority { try readClientAuthority(file) }
        protocols = tls.speeches.count > 1 ? .both : tls.speeches.first == .http1 ? .http1 : .http2
        isModern = tls.minimumVersion == .tls13
        _ = try TLSServer(self, admitsExpired: admitsExpired)
    }
}

/// A key that is no secret.
public struct OpenKey: Error, CustomStringConvertible {
    let file: String
    public var description: String { "use key \(file): everybody may read or change it (chmod 600)" }
}

/// Tells one state of a file from another; of a missing one all is zero.
public struct FileStamp: Equatable {
    private let inode: UInt64
    private let size: Int64
    private let seconds: Int
    private let nanoseconds: Int
    private let mode: UInt32

    public init(_ path: String) {
        var status = stat()
        if stat(path, &status) != 0 { status = stat() }
        inode = UInt64(status.st_ino)
        size = Int64(status.st_size)
        seconds = status.st_mtim.tv_sec
        nanoseconds = status.st_mtim.tv_nsec
        mode = status.st_mode
    }

    /// Others than its owner and its group have it.
    var isForAll: Bool { mode & 0o007 != 0 }
}
