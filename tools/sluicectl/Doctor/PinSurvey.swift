// SPDX-License-Identifier: Apache-2.0

import BPF
import CDataplane
import Dataplane
import Diagnosis

/// What an installation has pinned.
struct PinSurvey {
    private let paths: PinPaths

    init(root: String) { paths = PinPaths(root: root) }

    func pins() -> Reading<Facts.Pins> {
        do {
            guard try isMounted() else { return .known(Facts.Pins(root: paths.root, isMounted: false)) }
            let names = try Pin.list(paths.maps)
            return .known(
                Facts.Pins(
                    root: paths.root, isMounted: true, program: try program(), links: try links(), maps: names,
                    missingMaps: try Self.mapNames.filter { try !Pin.exists(paths.map($0)) }))
        } catch {
            return .unknown("\(error)")
        }
    }

    /// Of the nearest folder that is there.
    private func isMounted() throws(BPFError) -> Bool {
        var path = paths.root[...]
        while !path.isEmpty {
            if try Pin.exists(String(path)) { return Pin.isOnBPFFS(String(path)) }
            path = path[..<(path.lastIndex(of: "/") ?? path.startIndex)]
        }
        return false
    }

    private static let mapNames = [
        MAP_CONTROL, MAP_VIPS, MAP_SLOTS, MAP_LINE_TIMES, MAP_BACKENDS, MAP_SERVICES, MAP_RECORDS, MAP_FRAGMENTS,
        MAP_RECORD_SPILLS, MAP_ACCESS, MAP_ACCESS_FILTER, MAP_PORTS, MAP_SERVICE_COUNTERS, MAP_BACKEND_COUNTERS,
        MAP_EVENTS, MAP_CPU_STATE, MAP_EXPLANATION,
    ]

    private func program() throws(BPFError) -> Facts.Pins.Program? {
        guard try Pin.exists(paths.program) else { return nil }
        let program = try Program.open(pinned: paths.program)
        for name in try Pin.list(paths.programs) {
            let other = try Program.open(pinned: "\(paths.programs)/\(name)")
            if other.id == program.id, let made = Self.made(name) {
                return Facts.Pins.Program(
                    id: program.id, name: "\(name.prefix(4)) (\(made.features))", isPrebuilt: made.isPrebuilt)
            }
        }
        return Facts.Pins.Program(id: program.id, name: program.name)
    }

    /// Of the name that the loader pins a program by: digest, features, where it was compiled, layout.
    private static func made(_ name: String) -> (features: Features, isPrebuilt: Bool)? {
        let parts = name.split(separator: "_")
        guard parts.count == 4, let bits = UInt32(parts[1], radix: 16) else { return nil }
        return (Features(rawValue: bits), parts[2] == "prebuilt")
    }

    private func links() throws(BPFError) -> [Facts.Pins.Link] {
        var links: [Facts.Pins.Link] = []
        for name in try Pin.list(paths.links) {
            let link = try Link.open(pinned: "\(paths.links)/\(name)")
            links.append(
                Facts.Pins.Link(
                    path: "links/\(name)", interface: Self.unescaped(name), index: try link.interface,
                    programID: try link.programID))
        }
        return links
    }

    /// What `Pin.escaped` made the file's name of.
    private static func unescaped(_ name: String) -> String {
        let parts = name.split(separator: "%", omittingEmptySubsequences: false)
        return parts.dropFirst().reduce(into: String(parts.first ?? "")) { text, part in
            text += part.hasPrefix("2e") ? "." : part.hasPrefix("25") ? "%" : ""
            text += part.dropFirst(2)
        }
    }
}
