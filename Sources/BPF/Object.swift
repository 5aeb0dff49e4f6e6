// SPDX-License-Identifier: Apache-2.0

import CBPF
import Glibc

/// A compiled BPF object on its way into the kernel: opened, adjusted, loaded.
///
/// libbpf raises the limit of locked memory itself where the kernel is older than 5.11 and counts maps towards it.
public final class Object {
    /// The file's name, for errors.
    public let name: String
    private let object: OpaquePointer

    /// Opens the object at `path`; nothing is in the kernel yet.
    public init(path: String) throws(BPFError) {
        name = path.split(separator: "/").last.map { String($0) } ?? path
        var opened: OpaquePointer?
        try LibbpfMessages.collecting { lines throws(BPFError) in
            opened = cbpf_object_open(path)
            if opened == nil { throw BPFError("open object", path, code: errno, cause: lines().first) }
        }
        guard let opened else { throw BPFError("open object", path, code: EINVAL) }
        object = opened
    }

    deinit {
        bpf_object__close(object)
    }

    public var mapNames: [String] {
        var names: [String] = []
        var map = bpf_object__next_map(object, nil)
        while let current = map {
            names.append(String(cString: bpf_map__name(current)))
            map = bpf_object__next_map(object, current)
        }
        return names
    }

    public var programNames: [String] {
        programs.map { String(cString: bpf_program__name($0)) }
    }

    /// Sets a map's number of entries; before `load` and before `reuse`.
    public func setMaxEntries(_ entries: Int, of name: String) throws(BPFError) {
        let result = bpf_map__set_max_entries(try find(map: name), UInt32(entries))
        try BPFError.check(result, "set the entries of", "map \(name)")
    }

    /// Lets the object's map `name` be `map`, which must be the same in type, sizes, entries and flags.
    public func reuse(_ map: Map, as name: String) throws(BPFError) {
        let wanted = try find(map: name)
        let differences = map.differences(
            type: MapType(rawValue: UInt32(bpf_map__type(wanted).rawValue)),
            keySize: Int(bpf_map__key_size(wanted)), valueSize: Int(bpf_map__value_size(wanted)),
            maxEntries: Int(bpf_map__max_entries(wanted)), flags: MapFlags(rawValue: bpf_map__map_flags(wanted)))
        guard differences.isEmpty else {
            throw BPFError(operation: "reuse", subject: "map \(name)", cause: differences.joined(separator: "; "))
        }
        try BPFError.check(bpf_map__reuse_fd(wanted, map.descriptor), "reuse", "map \(name)")
    }

    /// Loads these programs only, and leaves the object's others out.
    public func loadOnly(_ names: [String]) throws(BPFError) {
        for name in names { _ = try find(program: name) }
        for program in programs {
            let isWanted = names.contains(String(cString: bpf_program__name(program)))
            try BPFError.check(bpf_program__set_autoload(program, isWanted), "choose", "program \(names)")
        }
    }

    /// Says that the XDP program can work on frames of several pieces, such as jumbo frames. Kernel 5.18.
    public func allowFragments(in name: String) throws(BPFError) {
        let program = try find(program: name)
        let flags = bpf_program__flags(program) | UInt32(BPF_F_XDP_HAS_FRAGS)
        try BPFError.check(bpf_program__set_flags(program, flags), "allow fragments in", "program \(name)")
    }

    /// Makes the maps that are not reused, and has the programs verified; nothing stays in the kernel if it throws.
    public func load() throws(BPFError) {
        let logs = programs.filter { bpf_program__autoload($0) }.map { VerifierBuffer(for: $0) }
        // libbpf keeps the buffers' addresses until it is told otherwise.
        defer { for log in logs { log.detach() } }
        try LibbpfMessages.collecting { lines throws(BPFError) in
            let result = bpf_object__load(object)
            if result < 0 { throw failure(code: -result, logs: logs, messages: lines()) }
        }
    }

    /// One of the loaded object's maps; it outlives the object.
    public func map(_ name: String) throws(BPFError) -> Map {
        let descriptor = bpf_map__fd(try find(map: name))
        return try Map(owning: Descriptor(duplicating: descriptor, of: "map \(name)"))
    }

    /// One of the loaded object's programs; it outlives the object.
    public func program(_ name: String) throws(BPFError) -> Program {
        let descriptor = bpf_program__fd(try find(program: name))
        guard descriptor >= 0 else { throw BPFError("open", "program \(name)", code: descriptor, cause: "not loaded") }
        return try Program(owning: Descriptor(duplicating: descriptor, of: "program \(name)"))
    }
}

// MARK: - Finding

extension Object {
    private var programs: [OpaquePointer] {
        var found: [OpaquePointer] = []
        var program = bpf_object__next_program(object, nil)
        while let current = program {
            found.append(current)
            program = bpf_object__next_program(object, current)
        }
        return found
    }

    private func find(map name: String) throws(BPFError) -> OpaquePointer {
        LibbpfMessages.silence()
        if let map = bpf_object__find_map_by_name(object, name) { return map }
        throw BPFError("find", "map \(name)", code: ENOENT, cause: "not in \(self.name)")
    }

    private func find(program name: String) throws(BPFError) -> OpaquePointer {
        if let program = bpf_object__find_program_by_name(object, name) { return program }
        throw BPFError("find", "program \(name)", code: ENOENT, cause: "not in \(self.name)")
    }
}

// MARK: - Failing

extension Object {
    /// The verifier's complaint if it has one, else what libbpf said of a map, else the number.
    private func failure(code: Int32, logs: [VerifierBuffer], messages: [String]) -> BPFError {
        for buffer in logs {
            let log = VerifierLog(buffer.text)
            guard let complaint = log.complaint else { continue }
            return BPFError(
                operation: "load", subject: "program \(buffer.name)", cause: complaint, errno: code,
                verifier: log.lines)
        }
        if let creation = messages.first(where: { $0.hasPrefix("map '") && $0.contains("failed to create") }) {
            let map = creation.dropFirst("map '".count).prefix { $0 != "'" }
            return BPFError("create", "map \(map)", code: code)
        }
        let refused = messages.first { $0.hasPrefix("prog '") }
        if let refused {
            let program = refused.dropFirst("prog '".count).prefix { $0 != "'" }
            return BPFError("load", "program \(program)", code: code)
        }
        return BPFError("load", "object \(name)", code: code, cause: messages.first)
    }
}

/// Where the kernel writes the verifier's log of one program, during one load.
private final class VerifierBuffer {
    let name: String
    private let program: OpaquePointer
    private let start: UnsafeMutablePointer<CChar>
    /// The most that kernels take; pages that nobody writes cost nothing.
    private static let capacity = 16 << 20 - 1

    init(for program: OpaquePointer) {
        self.program = program
        name = String(cString: bpf_program__name(program))
        start = .allocate(capacity: Self.capacity)
        start.initialize(to: 0)
        bpf_program__set_log_buf(program, start, Self.capacity)
    }

    deinit {
        start.deallocate()
    }

    var text: String { String(cString: start) }

    func detach() {
        bpf_program__set_log_buf(program, nil, 0)
    }
}
