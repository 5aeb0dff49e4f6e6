// SPDX-License-Identifier: Apache-2.0

import BPF
import CDataplane

/// Where the pins of one installation lie: program, maps and links are the host's, one set for all its interfaces.
public struct PinPaths: Hashable, Sendable {
    public let root: String

    public init(root: String) { self.root = root }

    public var program: String { "\(root)/steer" }
    /// Holds the same program once more, under a name that says what it was made of.
    public var programs: String { "\(root)/programs" }
    public var maps: String { "\(root)/maps" }
    public var links: String { "\(root)/links" }

    public func map(_ name: String) -> String { "\(maps)/\(name)_v\(LAYOUT_VERSION)" }
    public func link(_ interface: String) -> String { "\(links)/\(Pin.escaped(interface))" }

    /// Makes the directories; bpffs is mounted where the root lies in its usual place.
    func make() throws(BPFError) {
        if root.hasPrefix("\(Self.mountPoint)/") { try Pin.ensureMounted(at: Self.mountPoint) }
        for directory in [root, programs, maps, links] { try Pin.makeDirectory(directory) }
        guard Pin.isOnBPFFS(root) else {
            throw BPFError(
                operation: "use", subject: root, cause: "not on a bpffs: mount one with mount -t bpf bpf DIR")
        }
    }

    /// Every pin there is, as paths below the root.
    public func pins() throws(BPFError) -> [String] {
        var pins: [String] = try Pin.exists(program) ? ["steer"] : []
        for directory in ["programs", "maps", "links", "probe/links"] {
            pins += try Pin.list("\(root)/\(directory)").map { "\(directory)/\($0)" }
        }
        return pins
    }

    /// The root of another daemon's pins on this machine whose program this is; nil if there is none.
    ///
    /// A daemon may not look at programs by their ids (CAP_SYS_ADMIN), but it may open pins.
    func installation(running program: UInt32) -> String? {
        let parent = root.split(separator: "/").dropLast().map { "/\($0)" }.joined()
        return search(root.hasPrefix("\(Self.mountPoint)/") ? Self.mountPoint : parent, for: program, depth: 3)
    }

    private func search(_ directory: String, for program: UInt32, depth: Int) -> String? {
        for name in Self.names(in: directory) where depth > 0 {
            let candidate = "\(directory)/\(name)"
            guard candidate != root, Self.isDirectory(candidate) else { continue }
            if Self.runs(program, below: candidate) { return candidate }
            if let found = search(candidate, for: program, depth: depth - 1) { return found }
        }
        return nil
    }

    private static func runs(_ program: UInt32, below root: String) -> Bool {
        names(in: "\(root)/links").contains { name in
            do { return try Link.open(pinned: "\(root)/links/\(name)").programID == program } catch { return false }
        }
    }

    /// None where they may not be listed: what cannot be looked at is nobody's that is known.
    private static func names(in directory: String) -> [String] {
        do { return try Pin.list(directory) } catch { return [] }
    }

    private static func isDirectory(_ path: String) -> Bool {
        // Only a directory has a dot of its own.
        do { return try Pin.exists("\(path)/.") } catch { return false }
    }

    private static let mountPoint = "/sys/fs/bpf"
}
