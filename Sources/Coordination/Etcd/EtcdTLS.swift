// SPDX-License-Identifier: Apache-2.0

import NIOSSL
import Synchronization

/// The TLS configuration of some PEM files, made anew when one of them changes.
final class EtcdTLS: Sendable {
    private let files: StoreTLS
    private let made = Mutex<(stamps: [String], configuration: TLSConfiguration)?>(nil)

    init(_ files: StoreTLS) { self.files = files }

    /// Throws `StoreError.credentials` where a file cannot be used.
    func configuration() throws -> TLSConfiguration {
        if let key = files.keyFile { try SecretFile.checkMode(key) }
        let stamps = try files.files.map(SecretFile.stamp)
        if let known = made.withLock({ $0 }), known.stamps == stamps { return known.configuration }
        var configuration = TLSConfiguration.makeClientConfiguration()
        if let path = files.authorityFile {
            configuration.trustRoots = .certificates(try usable(path) { try NIOSSLCertificate.fromPEMFile(path) })
        }
        if let path = files.certificateFile {
            configuration.certificateChain = try usable(path) {
                try NIOSSLCertificate.fromPEMFile(path).map { .certificate($0) }
            }
        }
        if let path = files.keyFile {
            configuration.privateKey = .privateKey(try usable(path) { try NIOSSLPrivateKey(file: path, format: .pem) })
        }
        let result = configuration
        made.withLock { $0 = (stamps, result) }
        return configuration
    }

    private func usable<Value>(_ path: String, _ load: () throws -> Value) throws -> Value {
        do {
            return try load()
        } catch {
            throw StoreError.credentials("\(path) is no PEM file that TLS can use: \(error)")
        }
    }
}
