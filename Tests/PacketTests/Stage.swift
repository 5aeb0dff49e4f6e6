// SPDX-License-Identifier: Apache-2.0

import BPF
import CDataplane
import Glibc
import Model
import TestSupport

@testable import Dataplane

/// The program under test in the kernel, its maps filled from the fleet's generations by the code that fills them on a host.
final class Stage {
    let features: Features
    let attached: [NetworkInterface]
    /// The image of the first generation, and of the second, which is in force.
    let before: MapImage
    let image: MapImage
    let tables: Tables
    private let generation: Generation
    private let poison: Poison
    let states: MappedArray<cpu_state>
    let fragments: Map

    init(features: Features, attached: [NetworkInterface] = [Fleet.edge]) throws {
        self.features = features
        self.attached = attached
        // Needed until the maps are open; what runs in a test outlives no process.
        let pins = try PinDirectory()
        defer { withExtendedLifetime(pins) {} }
        let paths = PinPaths(root: pins.path)
        try paths.make()
        let source = ProgramSource(
            directory: RepositoryRoot.path + "/bpf", cache: RepositoryRoot.objectCache, kernel: Self.kernel)
        let loader = Loader(paths: paths, cpus: try Map.possibleCPUs())
        let loaded = try loader.load(try source.object(with: features))
        tables = try Tables(paths)
        states = try Map.open(pinned: paths.map(MAP_CPU_STATE)).mapped(as: cpu_state.self)
        fragments = try Map.open(pinned: paths.map(MAP_FRAGMENTS))
        poison = try Poison(before: loaded.program, fragments: features.contains(.fragments))
        let (first, second) = try Fleet.generations()
        generation = second
        before = try MapImage.image(of: first, on: Fleet.view(of: first, attached: attached))
        image = try MapImage.image(of: second, on: Fleet.view(of: second, attached: attached), after: before)
        _ = try tables.apply(before, epoch: 1, number: 1)
        _ = try tables.apply(image, epoch: 1, number: 2)
        try tables.finish()
    }

    @MainActor private static var kept: [[NetworkInterface]: Stage] = [:]

    /// The program with all that this kernel takes; one for all tests, as the kernel takes seconds to verify it.
    @MainActor static func whole(attached: [NetworkInterface] = [Fleet.edge]) throws -> Stage {
        if let stage = kept[attached] { return stage }
        let stage = try Stage(features: everything, attached: attached)
        kept[attached] = stage
        return stage
    }

    private static let kernel = KernelFeatures.probe()
    static var everything: Features { .supported(by: kernel) }

    var maps: KernelMaps { tables.maps }
    /// Whether packets leave by the device map.
    var redirects: Bool { attached != [Fleet.edge] }

    /// Sends one frame through the program, behind poisoned headroom.
    func run(_ frame: [UInt8]) throws -> TestRun.Result { try poison.filling.testRun(TestRun(data: frame)) }

    /// The same with no headroom at all; nil where the kernel cannot make it so.
    func runCramped(_ frame: [UInt8]) throws -> TestRun.Result? {
        let result = try poison.cramped.testRun(TestRun(data: frame))
        return result.verdict == Poison.noMetadata ? nil : result
    }

    /// Forgets counters, records, fragments, samples and spent rates; what the fleet put in force stays.
    func reset() throws {
        Self.clear(maps.serviceCounters)
        Self.clear(maps.backendCounters)
        Self.clear(maps.events)
        Self.clear(maps.records)
        Self.clear(maps.recordSpills)
        Self.clear(states)
        for key in try fragments.keys(as: FragmentKey.self) { try fragments.delete(key) }
        setVirtual(false)
    }

    private static func clear<Element>(_ array: MappedArray<Element>) {
        array.withPointer { bytes in _ = bytes.initializeMemory(as: UInt8.self, repeating: 0) }
    }
}

// MARK: - Who is who

extension Stage {
    func service(_ name: String) throws -> ServiceImage {
        guard let service = image.services.first(where: { $0.name == name }) else {
            throw Unusable(what: "service \(name)")
        }
        return service
    }

    /// By name among the service's backends, draining ones too.
    func backend(_ name: String, of service: String) throws -> PlacedBackend {
        guard let placed = try self.service(service).placed.backends.first(where: { $0.backend.name == name }) else {
            throw Unusable(what: "backend \(name) of \(service)")
        }
        return placed
    }

    func backend(_ id: UInt16, of service: String) throws -> PlacedBackend {
        guard let placed = try self.service(service).placed.backends.first(where: { $0.id.rawValue == id }) else {
            throw Unusable(what: "backend \(id) of \(service)")
        }
        return placed
    }

    /// The flow that a packet of the service's belongs to.
    func flow(_ packet: Packet, of service: String) throws -> Flow {
        Flow(
            client: packet.source, clientPort: packet.transport.ports?.source ?? 0,
            vipPort: packet.transport.ports?.destination ?? 0, service: try self.service(service).placed,
            seed: Fleet.seed)
    }

    /// The slot's backends by the tables of the two generations.
    func slot(_ packet: Packet, of service: String) throws -> (previous: UInt16, current: UInt16) {
        let now = try self.service(service)
        let slot = try flow(packet, of: service).slot(in: now.place.size)
        let old = before.services.first { $0.name == service }
        return (old?.current[slot] ?? 0, now.current[slot])
    }

    /// Features without which the service has none of its behaviour.
    func features(of service: String) throws -> Features {
        var alone = generation
        alone.services.removeAll { $0.service.name != service }
        return try Features.needed(
            by: alone, on: HostView(interfaces: [Fleet.edge]), kernel: KernelFeatures.probe()
        ).subtracting([.tracking, .coarseClock, .fragments])
    }
}

// MARK: - What was left behind

extension Stage {
    /// A counter that is not zero.
    struct Count: Hashable, CustomStringConvertible {
        var key: Int
        var reason: UInt32 = 0
        var packets: UInt64
        var bytes: UInt64

        var description: String { "\(key)/\(reason): \(packets) packets, \(bytes) bytes" }
    }

    /// By service and reason, of all CPUs together.
    func serviceCounts() -> [Count] {
        counts(maps.serviceCounters, of: Int(SERVICE_IDS) * Int(REASON_SLOTS)).map { count in
            var count = count
            count.reason = UInt32(count.key % Int(REASON_SLOTS))
            count.key /= Int(REASON_SLOTS)
            return count
        }
    }

    /// By backend, of all CPUs together.
    func backendCounts() -> [Count] { counts(maps.backendCounters, of: Int(BACKEND_IDS)) }

    private func counts(_ slab: MappedArray<counter>, of entries: Int) -> [Count] {
        slab.withPointer { bytes in
            let words = bytes.bindMemory(to: UInt64.self)
            var found: [Int: Count] = [:]
            var index = 0
            while index < words.count {
                if words[index] != 0 {
                    let key = index / 2 % entries
                    found[key, default: Count(key: key, packets: 0, bytes: 0)].packets += words[index]
                    found[key]?.bytes += words[index + 1]
                }
                index += 2
            }
            return found.values.sorted { $0.key < $1.key }
        }
    }

    /// Sampled drops, of all CPUs.
    func events() -> [event] { (0..<maps.events.count).map { maps.events[$0] }.filter { $0.time != 0 } }

    /// The records of a line that are not free.
    func records(line: Int) -> [UInt64] {
        withUnsafeBytes(of: maps.records[line]) { Array($0.bindMemory(to: UInt64.self)) }.filter { $0 != 0 }
    }

    /// The record of a flow, 0 if it has none.
    func record(of flow: Flow) -> UInt64 {
        [flow.recordLines.home, flow.recordLines.spill].lazy.flatMap(records(line:))
            .first { UInt32(truncatingIfNeeded: $0) == flow.fingerprint } ?? 0
    }

    /// The line of slots that a flow's slot lies in.
    func line(of flow: Flow, in service: String) throws -> Int {
        let place = try self.service(service).place
        return place.lines.lowerBound + flow.slot(in: place.size) / Int(SLOTS_PER_LINE)
    }

    /// Everything that packets may change in mapped memory, as it is now: counters, records, lines' times, samples, rates.
    /// The clock that the programs keep, in the control element, is no trace.
    func traces() -> Traces {
        let perCPU = (0..<states.count).map { cpu in
            (MAP_CPU_STATE, UnsafeRawBufferPointer(start: states.base + cpu * states.stride, count: states.stride))
        }
        return Traces(
            [
                (MAP_SERVICE_COUNTERS, Traces.place(maps.serviceCounters)),
                (MAP_BACKEND_COUNTERS, Traces.place(maps.backendCounters)), (MAP_RECORDS, Traces.place(maps.records)),
                (MAP_RECORD_SPILLS, Traces.place(maps.recordSpills)),
                (MAP_LINE_TIMES, Traces.place(maps.lineTimes)), (MAP_EVENTS, Traces.place(maps.events)),
            ] + perCPU)
    }
}

/// A copy of maps' memory, to be compared with what it is later.
final class Traces {
    private let places: [(name: String, now: UnsafeRawBufferPointer, then: UnsafeMutableRawBufferPointer)]

    /// - Parameter places: memory of maps that stay mapped, by the maps' names.
    init(_ places: [(name: String, memory: UnsafeRawBufferPointer)]) {
        self.places = places.map { name, memory in
            let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: memory.count, alignment: 8)
            copy.copyMemory(from: memory)
            return (name, memory, copy)
        }
    }

    deinit {
        for place in places { place.then.deallocate() }
    }

    /// The maps whose memory is another now.
    var changed: [String] {
        places.filter { place in
            guard let now = place.now.baseAddress, let then = place.then.baseAddress else { return false }
            return memcmp(now, then, place.now.count) != 0
        }.map(\.name)
    }

    static func place<Element>(_ array: MappedArray<Element>) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: array.base, count: array.stride * array.count)
    }
}

/// The bytes of a `fragment_key`, which Swift does not take for plain ones.
struct FragmentKey: BitwiseCopyable {
    var words: (UInt64, UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0, 0)
}
