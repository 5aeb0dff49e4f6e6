// SPDX-License-Identifier: Apache-2.0

import BPF
import Glibc
import Storage

/// An object file with the program, and what is in it.
public struct ProgramObject: Hashable, Sendable {
    public let path: String
    /// SHA-256 of all that it was made of, hexadecimal.
    public let digest: String
    public let features: Features
    /// Made elsewhere for all hosts, as there is no compiler here or it failed.
    public let isPrebuilt: Bool
    /// Why it is not the one that was asked for; nil if it is.
    public let note: String?
}

/// Where programs come from: compiled for this host and generation, or the general one that was shipped.
public struct ProgramSource: Sendable {
    private let compiler: Compiler
    private let directory: String

    /// - Parameters:
    ///   - directory: of the sources and of the prebuilt object.
    ///   - clang: a path; nil looks for one.
    public init(directory: String, cache: String, clang: String? = nil) {
        self.directory = directory
        compiler = Compiler(clang: clang, cache: cache)
    }

    /// - Throws: what the compiler said, where there is no prebuilt object either.
    public func object(with features: Features) throws(BPFError) -> ProgramObject {
        do {
            let object = try compiler.compile(
                source: "\(directory)/steer.bpf.c", include: ["\(directory)/include"], defines: features.defines)
            return ProgramObject(
                path: object.path, digest: object.digest, features: features, isPrebuilt: false, note: nil)
        } catch {
            let path = "\(directory)/steer.bpf.o"
            guard access(path, R_OK) == 0 else { throw error }
            return try prebuilt(path, because: error)
        }
    }

    private func prebuilt(_ path: String, because cause: BPFError) throws(BPFError) -> ProgramObject {
        do {
            let digest = Digest.sha256hex(try AtomicFile.read(path))
            return ProgramObject(
                path: path, digest: digest, features: .all, isPrebuilt: true, note: "prebuilt program: \(cause)")
        } catch {
            throw BPFError(operation: "read", subject: path, cause: "\(error)")
        }
    }
}
