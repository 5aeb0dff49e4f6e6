// SPDX-License-Identifier: Apache-2.0

import BPF
import CDataplane
import Glibc
import Model

/// A backend's side of the tunnels, for hosts without a tunnel device: strips what a balancer put in front.
///
/// Program, maps and links are pinned, so nothing has to run afterwards.
public struct Decapsulation: Sendable {
    private let paths: PinPaths
    private let sources: String
    private let cache: String

    /// - Parameters:
    ///   - bpfRoot: where to pin, on a bpffs; not that of a balancer.
    ///   - sources: the folder of `decap.bpf.c`, or of its prebuilt object.
    public init(bpfRoot: String, sources: String, cache: String) {
        paths = PinPaths(root: bpfRoot)
        self.sources = sources
        self.cache = cache
    }

    /// Strips tunnels from these sources on this interface from now on; of others they are dropped. A second call replaces
    /// program and sources without a gap.
    public func attach(
        to interface: NetworkInterface, trusting prefixes: [IPPrefix], policy: AttachmentPolicy = .auto
    ) throws(BPFError) -> AttachmentReport {
        try paths.make()
        let object = try Object(path: try objectPath())
        try object.loadOnly([Self.programName])
        let pinned = try Pin.exists(paths.map(MAP_DECAP_SOURCES))
        for name in [MAP_DECAP_SOURCES, MAP_DECAP_COUNTERS] where pinned {
            try object.reuse(try Map.open(pinned: paths.map(name)), as: name)
        }
        try object.load()
        let trusted = try object.map(MAP_DECAP_SOURCES)
        try trust(prefixes, in: trusted)
        if !pinned {
            // The one that is looked for comes last: a cut leaves none or both.
            for name in [MAP_DECAP_COUNTERS, MAP_DECAP_SOURCES] {
                try Pin.remove(paths.map(name))
                try object.map(name).pin(to: paths.map(name))
            }
        }
        let attachment = Attachment(paths: paths, policy: policy, replacesForeign: false)
        return attachment.attach(try object.program(Self.programName), to: interface)
    }

    /// Takes the program off every interface and removes the pins.
    public func remove() throws(BPFError) {
        try Attachment(paths: paths, policy: .auto, replacesForeign: false).detach()
        for directory in [paths.links, paths.programs, paths.maps, paths.root] { try Pin.removeTree(directory) }
    }

    private func objectPath() throws(BPFError) -> String {
        do {
            return try Compiler(cache: cache).compile(source: "\(sources)/decap.bpf.c").path
        } catch {
            let prebuilt = "\(sources)/decap.bpf.o"
            guard access(prebuilt, R_OK) == 0 else { throw error }
            return prebuilt
        }
    }

    private func trust(_ prefixes: [IPPrefix], in map: Map) throws(BPFError) {
        let wanted = prefixes.map(Key.init)
        for key in wanted { try map.update(key, UInt32(1)) }
        for key in try map.keys(as: Key.self) where !wanted.contains(key) { try map.delete(key) }
    }

    private static let programName = "decap"

    /// `struct prefix_key`: Swift has no arrays of a fixed size to compare.
    private struct Key: BitwiseCopyable, Equatable {
        let bits: UInt32
        /// Four words as loaded.
        let words: (UInt32, UInt32, UInt32, UInt32)

        init(_ prefix: IPPrefix) {
            let words = CDataplane.address(prefix.address).words
            bits = UInt32(prefix.mappedLength)
            self.words = words
        }

        static func == (one: Key, other: Key) -> Bool { one.bits == other.bits && one.words == other.words }
    }
}
