// SPDX-License-Identifier: Apache-2.0

import NIOSSL
import Synchronization

/// The TLS configuration of some PEM files, made anew when one of them changes.
final class TLSFiles: Sendable {
    private struct Made: Sendable {
        let stamps: [PrivateFile.Stamp]
        let configuration: TLSConfiguration
    }

    private let files: ConsulTLS
    private let made = Mutex<Made?>(nil)

    init(_ files: ConsulTLS) { self.files = files }

    /// Throws `credentials` where a file is missing or unreadable, or the key is readable by everybody.
    func configuration(operation: String) throws -> TLSConfiguration {
        let open = [files.authority, files.certificate].compactMap { $0 }
        var stamps = try open.map { try PrivateFile.stamp($0, secret: false, operation: operation) }
        if let key = files.key { stamps.append(try PrivateFile.stamp(key, secret: true, operation: operation)) }
        if let made = made.withLock({ $0 }), made.stamps == stamps { return made.configuration }
        let configuration = try make(operation)
        made.withLock { $0 = Made(stamps: stamps, configuration: configuration) }
        return configuration
    }

    private func make(_ operation: String) throws -> TLSConfiguration {
        var configuration = TLSConfiguration.makeClientConfiguration()
        if let path = files.authority {
            configuration.trustRoots = .certificates(
                try Self.loaded(path, operation) { try NIOSSLCertificate.fromPEMFile(path) })
        }
        if let path = files.certificate {
            configuration.certificateChain = try Self.loaded(path, operation) {
                try NIOSSLCertificate.fromPEMFile(path).map { .certificate($0) }
            }
        }
        if let path = files.key {
            configuration.privateKey = .privateKey(
                try Self.loaded(path, operation) { try NIOSSLPrivateKey(file: path, format: .pem) })
        }
        return configuration
    }

    private static func loaded<Value>(_ path: String, _ operation: String, _ load: () throws -> Value) throws -> Value {
        do {
            return try load()
        } catch {
            throw ConsulError(.credentials, operation, cause: "\(path) is no PEM file that TLS can use: \(error)")
        }
    }
}
