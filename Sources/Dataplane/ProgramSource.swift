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

/// Where programs come from: compiled for this host and generation, or a general one that was shipped.
public struct ProgramSource: Sendable {
    private let compiler: Compiler
    private let directory: String
    private let supported: Features

    /// - Parameters:
    ///   - directory: of the sources and of the prebuilt objects.
    ///   - clang: a path; nil looks for one.
    ///   - kernel: decides which of the prebuilt objects serves.
    public init(directory: String, cache: String, clang: String? = nil, kernel: KernelFeatures) {
        self.directory = directory
        compiler = Compiler(clang: clang, cache: cache)
        supported = .supported(by: kernel)
    }

    /// - Throws: what the compiler said, where there is no prebuilt object either.
    public func object(with features: Features) throws(BPFError) -> ProgramObject {
        do {
            let object = try compiler.compile(
                source: "\(directory)/steer.bpf.c", include: ["\(directory)/include"], defines: features.defines)
            return ProgramObject(
                path: object.path, digest: object.digest, features: features, isPrebuilt: false, note: nil)
        } catch {
            return try general(for: features, because: error)
        }
    }

    /// The prebuilt object that serves on this kernel.
    ///
    /// - Parameter cause: why there is no other; it is thrown where there is none prebuilt either.
    func general(for features: Features, because cause: BPFError) throws(BPFError) -> ProgramObject {
        let prebuilt = PrebuiltProgram.serving(supported, in: directory)
        guard let prebuilt, prebuilt.features.isSuperset(of: features) else { throw cause }
        let path = "\(directory)/\(prebuilt.rawValue)"
        do {
            let digest = Digest.sha256hex(try AtomicFile.read(path))
            return ProgramObject(
                path: path, digest: digest, features: prebuilt.features, isPrebuilt: true,
                note: "prebuilt program: \(cause)")
        } catch {
            throw BPFError(operation: "read", subject: path, cause: "\(error)")
        }
    }
}

/// The general objects that `tools/install` ships, by the names of their files: each can do everything, less what kernels
/// before some version lack. The richest comes first.
public enum PrebuiltProgram: String, CaseIterable, Sendable {
    case whole = "steer.bpf.o"
    /// For kernels before 5.18.
    case withoutFragments = "steer-5.11.bpf.o"
    /// For kernels before 5.11.
    case oldest = "steer-5.10.bpf.o"

    public var features: Features {
        switch self {
        case .whole: .all
        case .withoutFragments: .all.subtracting(.fragments)
        case .oldest: .all.subtracting([.fragments, .coarseClock])
        }
    }

    /// The richest that such a kernel takes; nil where the folder does not hold it.
    public static func serving(_ supported: Features, in directory: String) -> PrebuiltProgram? {
        let richest = allCases.first { $0.features.isSubset(of: supported) }
        return richest.flatMap { access("\(directory)/\($0.rawValue)", R_OK) == 0 ? $0 : nil }
    }
}
