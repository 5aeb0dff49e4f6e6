// SPDX-License-Identifier: Apache-2.0

import BPF
import CDataplane

/// A program in the kernel, and what it was made of.
public struct LoadedProgram: Sendable {
    public let program: Program
    /// The first half of its object's digest, hexadecimal.
    public let digest: String
    public let features: Features
    public let isPrebuilt: Bool

    /// `1f3a`: as people tell programs apart.
    public var shortDigest: String { String(digest.prefix(4)) }

    /// The pin's name; a program of the kernel does not tell what it was compiled of.
    var pinName: String {
        let kind = isPrebuilt ? "prebuilt" : "compiled"
        return "\(digest)_\(String(features.rawValue, radix: 16))_\(kind)_\(Self.layout)"
    }

    /// As in the maps' names.
    private static let layout = "v\(LAYOUT_VERSION)"

    init(program: Program, object: ProgramObject) {
        self.program = program
        digest = Self.short(object.digest)
        features = object.features
        isPrebuilt = object.isPrebuilt
    }

    /// Nil where the name is none of ours, or says that the program reads maps of another layout.
    init?(program: Program, pinName: String) {
        let parts = pinName.split(separator: "_")
        guard parts.count == 4, parts[3] == Self.layout, let bits = UInt32(parts[1], radix: 16) else { return nil }
        self.program = program
        digest = String(parts[0])
        features = Features(rawValue: bits)
        isPrebuilt = parts[2] == "prebuilt"
    }

    func isMade(of object: ProgramObject) -> Bool {
        digest == Self.short(object.digest) && features == object.features
    }

    private static func short(_ digest: String) -> String { String(digest.prefix(32)) }
}

/// Brings programs into the kernel beside the maps that are there.
struct Loader {
    let paths: PinPaths
    let cpus: Int

    /// The program that runs, nil if none of this layout does: an upgrade may have died with the new layout's maps
    /// pinned and the old one's program still running.
    func pinned() throws(BPFError) -> LoadedProgram? {
        guard try Pin.exists(paths.program) else { return nil }
        let current = try Program.open(pinned: paths.program)
        for name in try Pin.list(paths.programs) {
            let program = try Program.open(pinned: "\(paths.programs)/\(name)")
            if program.id == current.id { return LoadedProgram(program: program, pinName: name) }
        }
        return nil
    }

    /// Loads an object; its maps are those pinned, or are made and pinned. Nothing is attached, and the program is
    /// not pinned.
    ///
    /// - Throws: the verifier's complaint, or a map that does not fit; what runs and what is pinned stays as it is.
    func load(_ source: ProgramObject) throws(BPFError) -> LoadedProgram {
        let object = try Object(path: source.path)
        try object.loadOnly([Self.programName])
        var made: [String] = []
        for name in object.mapNames where !name.hasPrefix(".") {
            if let entries = Self.slab(name).map({ $0 * cpus }) { try object.setMaxEntries(entries, of: name) }
            if try !reuse(name, in: object) { made.append(name) }
        }
        if source.features.contains(.fragments) { try object.allowFragments(in: Self.programName) }
        try object.load()
        for name in made {
            let fresh = "\(paths.map(name))_fresh"
            try Pin.remove(fresh)
            try object.map(name).pin(to: fresh)
            try Pin.move(fresh, to: paths.map(name))
        }
        return LoadedProgram(program: try object.program(Self.programName), object: source)
    }

    /// Makes it the one that is found after a restart.
    func pin(_ loaded: LoadedProgram) throws(BPFError) {
        let path = "\(paths.programs)/\(loaded.pinName)"
        let others = try Pin.list(paths.programs).filter { $0 != loaded.pinName }
        try Pin.remove(path)
        try loaded.program.pin(to: path)
        let fresh = "\(paths.program)_fresh"
        try Pin.remove(fresh)
        try loaded.program.pin(to: fresh)
        try Pin.move(fresh, to: paths.program)
        for name in others { try Pin.remove("\(paths.programs)/\(name)") }
        // Maps of another layout are no program's any more.
        for name in try Pin.list(paths.maps) where !name.hasSuffix("_v\(LAYOUT_VERSION)") {
            try Pin.remove("\(paths.maps)/\(name)")
        }
    }

    /// Whether the pinned map serves. A slab of counters made for another number of CPUs does not, and is replaced.
    private func reuse(_ name: String, in object: Object) throws(BPFError) -> Bool {
        guard try Pin.exists(paths.map(name)) else { return false }
        let map = try Map.open(pinned: paths.map(name))
        if let entries = Self.slab(name), map.maxEntries != entries * cpus { return false }
        try object.reuse(map, as: name)
        return true
    }

    static let programName = "steer"

    /// Entries a CPU of the maps that hold a copy for each; nil for the others.
    static func slab(_ name: String) -> Int? {
        switch name {
        case MAP_SERVICE_COUNTERS: Int(SERVICE_IDS) * Int(REASON_SLOTS)
        case MAP_BACKEND_COUNTERS: Int(BACKEND_IDS)
        case MAP_EVENTS: Int(EVENTS_PER_CPU)
        case MAP_CPU_STATE: 1
        default: nil
        }
    }
}
