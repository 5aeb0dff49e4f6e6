// SPDX-License-Identifier: Apache-2.0

import COpenSSL
import Glibc
import Synchronization

/// Compiles BPF programs for this host with clang, and keeps what it made.
///
/// An object is found again by the digest of everything that went into it: the sources of its folder and of the include
/// folders, the flags, the compiler. Several processes may share a cache.
public struct Compiler: Sendable {
    /// The clang to use; nil if none was found.
    public let clang: String?
    /// The folder of finished objects.
    public let cache: String

    /// - Parameters:
    ///   - clang: a path; nil looks as `find` does.
    ///   - cache: a folder, made when it is needed.
    public init(clang: String? = nil, cache: String) {
        self.clang = clang ?? Self.find()
        self.cache = cache
    }

    /// The path in `SLUICE_CLANG` if that is set; else the clang beside `swift`, else the first on `PATH`.
    public static func find() -> String? {
        if let chosen = getenv("SLUICE_CLANG").map({ String(cString: $0) }), !chosen.isEmpty {
            return Files.isExecutable(chosen) ? chosen : nil
        }
        if let swift = Files.executable("swift"), let real = realpath(swift, nil) {
            defer { free(real) }
            let beside = folder(of: String(cString: real)) + "/clang"
            if Files.isExecutable(beside) { return beside }
        }
        let names = ["clang"] + (11...29).reversed().map { "clang-\($0)" }
        return names.lazy.compactMap(Files.executable).first
    }

    /// Compiles `source`, unless the cache holds the very object.
    ///
    /// Throws with clang's first errors, and with `run … not done` when it takes longer than a minute.
    public func compile(
        source: String, include: [String] = [], defines: [(String, String)] = []
    ) throws(BPFError) -> CompiledObject {
        guard let clang else { throw Self.missing(for: source) }
        let flags = Self.flags(include: include, defines: defines)
        let digest = try self.digest(of: source, include: include, defines: defines, clang: clang)
        let name = Self.file(of: source)
        let stem = name.hasSuffix(".c") ? String(name.dropLast(2)) : name
        let path = "\(cache)/\(stem)-\(digest.prefix(32)).o"
        if access(path, R_OK) == 0 { return CompiledObject(path: path, digest: digest, cached: true) }
        try Files.makeDirectories(cache, mode: 0o755)
        let temporary = "\(cache)/.\(stem)-\(digest.prefix(32)).\(getpid()).\(Self.nextNumber())"
        defer { unlink(temporary) }
        let command = Command(path: clang, arguments: flags + ["-c", source, "-o", temporary], limit: Self.limit)
        let outcome = try command.run()
        guard outcome.status == 0 else { throw Self.refusal(of: name, outcome) }
        try Self.settle(temporary, as: path)
        return CompiledObject(path: path, digest: digest, cached: false)
    }
}

/// An object file in the compiler's cache.
public struct CompiledObject: Sendable, Equatable {
    public let path: String
    /// SHA-256 of all that went into it, 64 hexadecimal digits.
    public let digest: String
    /// Whether it was there already.
    public let cached: Bool
}

// MARK: - What goes in

extension Compiler {
    static let limit = Duration.seconds(60)

    private static func flags(include: [String], defines: [(String, String)]) -> [String] {
        fixedFlags + multiarch.flatMap { ["-isystem", $0] } + include.map { "-I\($0)" }
            + defines.map { "-D\($0.0)=\($0.1)" }
    }

    private static let fixedFlags = [
        "-target", "bpf", "-mcpu=v3", "-O2", "-g", "-Wall", "-Wextra", "-Wno-unused-parameter", "-Werror",
        "-fno-color-diagnostics",
    ]

    /// Debian keeps asm/types.h in a folder by architecture, which clang does not look into for another target.
    private static let multiarch: [String] = {
        var system = utsname()
        guard uname(&system) == 0 else { return [] }
        let machine = withUnsafeBytes(of: &system.machine) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        let folder = "/usr/include/\(machine)-linux-gnu"
        return access(folder, F_OK) == 0 ? [folder] : []
    }()

    /// Paths are left out: the same sources give the same object wherever they lie.
    private func digest(
        of source: String, include: [String], defines: [(String, String)], clang: String
    ) throws(BPFError) -> String {
        var input: [UInt8] = []
        func add(_ label: String, _ content: some Collection<UInt8>) {
            input += "\(label) \(content.count)\n".utf8
            input += content
        }
        add("compiler", try Self.version(of: clang).utf8)
        for flag in Self.fixedFlags + Self.multiarch { add("flag", flag.utf8) }
        for (name, value) in defines { add("define \(name)", value.utf8) }
        add("source", Self.file(of: source).utf8)
        for folder in [Self.folder(of: source)] + include {
            for name in try Files.names(in: folder) where name.hasSuffix(".h") || name.hasSuffix(".c") {
                add(name, try Files.bytes(of: "\(folder)/\(name)"))
            }
        }
        return try Self.sha256(input, of: source)
    }

    private static let versions = Mutex<[String: String]>([:])

    /// What `clang --version` says, asked once for each file that `clang` has been.
    private static func version(of clang: String) throws(BPFError) -> String {
        var status = stat()
        try BPFError.check(stat(clang, &status), "look at", clang)
        let key = "\(clang) \(status.st_ino) \(status.st_mtim.tv_sec) \(status.st_mtim.tv_nsec)"
        if let known = versions.withLock({ $0[key] }) { return known }
        let outcome = try Command(path: clang, arguments: ["--version"], limit: limit).run()
        guard outcome.status == 0 else {
            throw BPFError(operation: "ask version of", subject: clang, cause: "exit status \(outcome.status)")
        }
        versions.withLock { $0[key] = outcome.output }
        return outcome.output
    }

    private static func sha256(_ bytes: [UInt8], of source: String) throws(BPFError) -> String {
        var digest = [UInt8](repeating: 0, count: 32)
        guard EVP_Digest(bytes, bytes.count, &digest, nil, EVP_sha256(), nil) == 1 else {
            throw BPFError(operation: "take the digest of", subject: source, cause: "OpenSSL refuses SHA-256")
        }
        return digest.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
    }
}

// MARK: - What comes out

extension Compiler {
    private static func missing(for source: String) -> BPFError {
        let chosen = getenv("SLUICE_CLANG").map { String(cString: $0) } ?? ""
        let cause =
            chosen.isEmpty
            ? "no clang beside swift or on PATH" : "SLUICE_CLANG names \(chosen), which cannot be executed"
        return BPFError(operation: "compile", subject: file(of: source), cause: cause, errno: ENOENT)
    }

    /// clang's first errors, or the start of what it said.
    private static func refusal(of name: String, _ outcome: Command.Outcome) -> BPFError {
        let lines = outcome.output.split(separator: "\n")
        let errors = lines.filter { $0.contains("error:") }
        let told = (errors.isEmpty ? lines : errors).prefix(3).joined(separator: "; ")
        return BPFError(
            operation: "compile", subject: name, cause: told.isEmpty ? "clang ended with \(outcome.status)" : told)
    }

    /// Puts the finished object in its place in one step, whole even after a loss of power.
    private static func settle(_ temporary: String, as path: String) throws(BPFError) {
        let file = Descriptor(owning: try BPFError.check(open(temporary, O_RDONLY | O_CLOEXEC), "open", temporary))
        try BPFError.check(fchmod(file.number, 0o644), "set the mode of", temporary)
        try BPFError.check(fsync(file.number), "write", temporary)
        try BPFError.check(rename(temporary, path), "rename to", path)
    }

    private static let number = Atomic<Int>(0)

    private static func nextNumber() -> Int {
        number.wrappingAdd(1, ordering: .relaxed).newValue
    }

    private static func file(of path: String) -> String {
        path.split(separator: "/").last.map { String($0) } ?? path
    }

    private static func folder(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }
}
