// SPDX-License-Identifier: Apache-2.0

import BPF
import CDataplane
import Glibc
import Model

/// `bench.bpf.c` in the kernel: runs a program again and again on packets that it restores each time, beside the
/// programs that others are measured against.
struct Driver: Sendable {
    /// Does nothing: what measuring costs.
    let nothing: Program
    /// Makes room and writes an outer IPv4 header: the limit.
    let limit: Program
    /// Reads one line at random of as much memory as the record table is.
    let line: Program
    /// For live frames: sends them into the far end.
    let generate: Program
    /// For live frames: takes them where they come back.
    let sink: Program
    let wire: Wire

    private let driver: Program
    private let settings: MappedArray<bench_settings>
    private let target: Map
    /// What `sink` has taken.
    private let received: Map

    init(_ settings: BenchmarkSettings, wire: Wire) throws {
        let compiled = try Compiler(cache: settings.cache).compile(
            source: "\(settings.sources)/bench.bpf.c", include: ["\(settings.sources)/include"])
        let object = try Object(path: compiled.path)
        try object.load()
        self.wire = wire
        self.settings = try object.map(MAP_BENCH_SETTINGS).mapped(as: bench_settings.self)
        target = try object.map(MAP_BENCH_TARGET)
        received = try object.map(MAP_BENCH_COUNT)
        driver = try object.program("bench")
        nothing = try object.program("limit_pass")
        limit = try object.program("limit_encap")
        line = try object.program("limit_line")
        generate = try object.program("live_generate")
        sink = try object.program("live_sink")
    }

    /// Says which packets are made from now on.
    ///
    /// - Parameter first: the flow that they begin with.
    /// - Returns: the first frame.
    @discardableResult
    func prepare(_ traffic: Traffic, from first: Int = 0) -> [UInt8] {
        let frame = traffic.frame(on: wire)
        var wanted = bench_settings()
        wanted.length = UInt32(frame.count)
        wanted.ipv6 = traffic.packet.source.isIPv4 ? 0 : 1
        wanted.flow_mask = UInt32(traffic.flows - 1)
        wanted.vip_mask = UInt32(traffic.vips - 1)
        wanted.vip_shift = UInt32(traffic.train.trailingZeroBitCount)
        wanted.client = UInt32(truncatingIfNeeded: traffic.packet.source.low)
        wanted.vip = UInt32(truncatingIfNeeded: traffic.packet.destination.low)
        wanted.ifindex = wire.far.index
        wanted.packets = UInt64(first)
        withUnsafeMutableBytes(of: &wanted.ethernet) { $0.copyBytes(from: frame.prefix($0.count)) }
        settings[0] = wanted
        return frame
    }

    /// Runs `program` on the prepared packets, as if they came in by the near end.
    ///
    /// - Returns: nanoseconds of CPU time a packet, the restoring included.
    func run(_ program: Program, on frame: [UInt8], repeats: Int) throws(BPFError) -> Double {
        try target.update(UInt32(0), program.descriptor)
        let run = TestRun(data: frame, repeatCount: repeats, ingressInterface: wire.near.index)
        // The kernel's own figure is in whole nanoseconds, too coarse for programs of a few.
        let start = ThreadClock.nanoseconds()
        _ = try driver.testRun(run)
        return Double(ThreadClock.nanoseconds() - start) / Double(repeats)
    }

    /// Frames that `sink` has taken so far.
    func framesReceived() throws(BPFError) -> Int {
        let counts = try received.lookupPerCPU(UInt32(0), as: counter.self) ?? []
        return counts.reduce(0) { $0 + Int($1.packets) }
    }
}
