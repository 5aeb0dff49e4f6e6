// SPDX-License-Identifier: Apache-2.0

import CDataplane
import Glibc
import Model
import TestSupport
import Testing

@testable import Dataplane

extension PacketTests {
    /// `SLUICE_FUZZ_SEED` repeats a run, `SLUICE_FUZZ_SECONDS` says how long it takes.
    @MainActor struct FuzzTests {
        @Test func `whatever comes in, the verdict has a reason and what leaves is right`() throws {
            let stage = try Stage.whole()
            let seed = Self.number("SLUICE_FUZZ_SEED") ?? .random(in: .min ... .max)
            let seconds = Self.number("SLUICE_FUZZ_SECONDS") ?? 5
            print("fuzz: SLUICE_FUZZ_SEED=\(seed) for \(seconds) s")
            var mutation = Mutation(random: SplitMix(seed: seed))
            let frames = try Self.frames(stage)
            let clock = ContinuousClock()
            let end = clock.now.advanced(by: .seconds(Int(seconds)))
            try stage.reset()
            var tally = Tally()
            while clock.now < end {
                for _ in 0..<500 {
                    let frame = mutation.next(from: frames)
                    let faults = try Scrutiny(of: frame, on: stage, tally: &tally).faults
                    guard faults.isEmpty else {
                        Issue.record("seed \(seed), frame \(frame.hexadecimal): \(faults.joined(separator: "; "))")
                        return
                    }
                }
                try checkCounters(stage, tally, seed: seed)
            }
            print("fuzz: \(tally.frames) frames, \(tally)")
            // Mutations of which most were refused at the door would show little.
            #expect(min(tally.sent, tally.passed, tally.dropped) > tally.frames / 10)
        }

        @Test func `whatever comes to a backend is passed or dropped, and counted`() throws {
            let stage = try DecapStage()
            let seed = Self.number("SLUICE_FUZZ_SEED") ?? .random(in: .min ... .max)
            print("fuzz of decapsulation: SLUICE_FUZZ_SEED=\(seed)")
            var mutation = Mutation(random: SplitMix(seed: seed))
            let frames = DecapRow.all.map(\.packet.frame)
            let count = 4000 * Int(Self.number("SLUICE_FUZZ_SECONDS") ?? 5)
            for _ in 0..<count {
                let frame = mutation.next(from: frames)
                let verdict = try stage.run(frame).verdict
                guard verdict == XDP.pass || verdict == XDP.drop else {
                    Issue.record("seed \(seed), frame \(frame.hexadecimal): \(XDP.name(verdict))")
                    return
                }
            }
            #expect(try stage.counts().reduce(0) { $0 + $1.packets } == UInt64(count), "seed \(seed)")
        }

        @Test func `frames of every length from 14 to 1,600 bytes have their verdict`() throws {
            let stage = try Stage.whole()
            var tally = Tally()
            for length in 14...1600 {
                for packet in [Row.web(), Row.web6(), Row.vip(4, 443), .icmp(Row.client, to: "203.0.113.1", 8)] {
                    // Grown by a payload, by a trailer, and cut to the length.
                    let bare = packet.bytes.count + 14
                    var frames = [Array((packet.frame + [UInt8](repeating: 0xff, count: 1600)).prefix(length))]
                    if length > bare { frames.append(packet.sized(length - 14).frame) }
                    for frame in frames {
                        let faults = try Scrutiny(of: frame, on: stage, tally: &tally).faults
                        if !faults.isEmpty { Issue.record("\(length) bytes: \(faults.joined(separator: "; "))") }
                    }
                }
            }
        }

        @Test func `every packet of the table cut at every byte has its verdict`() throws {
            let stage = try Stage.whole()
            var tally = Tally()
            for row in Row.all {
                let frame = row.packet.frame
                for length in 14..<min(frame.count, 220) {
                    let faults = try Scrutiny(of: Array(frame[..<length]), on: stage, tally: &tally).faults
                    if !faults.isEmpty {
                        Issue.record("\(row.name) cut at \(length): \(faults.joined(separator: "; "))")
                    }
                }
            }
            #expect(tally.frames > 20_000)
        }

        private func checkCounters(_ stage: Stage, _ tally: Tally, seed: UInt64) throws {
            let counts = stage.serviceCounts().filter { $0.reason != REASON_RECORD_EVICTED.rawValue }
            let packets = counts.reduce(0) { $0 + $1.packets }
            #expect(packets == UInt64(tally.frames), "counted \(packets) of \(tally.frames), seed \(seed)")
            let nameless = counts.filter { $0.reason == 0 || $0.reason >= REASON_COUNT.rawValue }
            #expect(nameless.isEmpty, "without a reason: \(nameless), seed \(seed)")
            func sum(_ reasons: ClosedRange<UInt32>) -> Int {
                Int(counts.filter { reasons.contains($0.reason) }.reduce(0) { $0 + $1.packets })
            }
            // By the order of `enum reason`: forwarded and answered, passed, dropped.
            #expect(sum(REASON_SETTLED.rawValue...REASON_TOO_BIG_ANSWERED.rawValue) == tally.sent, "seed \(seed)")
            #expect(sum(REASON_NOT_IP.rawValue...REASON_ICMP_PASSED.rawValue) == tally.passed, "seed \(seed)")
            #expect(sum(REASON_TRUNCATED.rawValue...REASON_ECHO_LIMITED.rawValue) == tally.dropped, "seed \(seed)")
        }

        /// The table's frames and flows of unsettled slots: what mutations begin with.
        private static func frames(_ stage: Stage) throws -> [[UInt8]] {
            var frames = Row.all.map(\.packet.frame).filter { $0.count <= 1600 }
            frames += Row.all.flatMap(\.earlier).map(\.frame).filter { $0.count <= 1600 }
            for service in ["moving", "moving6", "movingdns", "movinggue", "movingsticky", "movingany", "stateless"] {
                let packet = try stage.packet(of: service, from: "a", to: "d")
                frames += [packet.frame, packet.with(.syn).frame]
            }
            return frames
        }

        private static func number(_ variable: String) -> UInt64? {
            getenv(variable).flatMap { UInt64(String(cString: $0)) }
        }
    }
}

/// What became of frames so far.
struct Tally: CustomStringConvertible {
    var frames = 0
    var sent = 0
    var passed = 0
    var dropped = 0

    var description: String { "\(sent) sent, \(passed) passed, \(dropped) dropped" }
}

/// One frame through the program, and everything that holds for any frame.
struct Scrutiny {
    private(set) var faults: [String] = []
    private let frame: [UInt8]
    private let stage: Stage

    init(of frame: [UInt8], on stage: Stage, tally: inout Tally) throws {
        self.frame = frame
        self.stage = stage
        let result = try stage.run(frame)
        tally.frames += 1
        switch result.verdict {
        case XDP.drop: tally.dropped += 1
        case XDP.pass:
            tally.passed += 1
            if result.data != frame { faults.append("passed, but not as it came") }
        case XDP.transmit:
            tally.sent += 1
            checkSent(result.data)
        default: faults.append("verdict \(XDP.name(result.verdict))")
        }
    }

    /// An answer goes to whoever sent the frame, all else to a backend's next hop.
    private mutating func checkSent(_ sent: [UInt8]) {
        guard sent.count >= 14 else {
            faults.append("\(sent.count) bytes sent")
            return
        }
        if sent[0..<6] == frame[6..<12], sent[6..<12] == frame[0..<6] { return checkAnswer(sent) }
        if sent.mac(at: 6) != Fleet.edge.address { faults.append("sent from \(sent.mac(at: 6))") }
        guard stage.isNextHop(sent.mac(at: 0)) else {
            faults.append("sent to \(sent.mac(at: 0))")
            return
        }
        checkForwarded(sent)
    }

    private mutating func checkForwarded(_ sent: [UInt8]) {
        let packet = Array(frame[Self.linkLength(of: frame)...])
        do {
            let outer = try OuterPacket(sent)
            if outer.inner == packet {
                guard stage.isBackend(outer.destination) else {
                    faults.append("sent to \(outer.destination)")
                    return
                }
                let view = stage.image.view
                let prefix = outer.source.isIPv4 ? view.sourcePrefix4 : view.sourcePrefix6
                if !prefix.contains(outer.source) { faults.append("sent from \(outer.source)") }
                return
            }
            if Array(sent[Self.linkLength(of: sent)...]) != packet {
                faults.append("the inner packet is not as it came")
            }
        } catch {
            // By L2 there is nothing in front.
            if Array(sent[Self.linkLength(of: sent)...]) != packet { faults.append("\(error)") }
        }
    }

    /// Of ICMP, the checksum: right where it was right before, in an echo's case.
    private mutating func checkAnswer(_ sent: [UInt8]) {
        let reply = Self.linkLength(of: sent)
        let bytes = Array(sent[reply...])
        let isIPv4 = bytes[0] >> 4 == 4
        guard bytes.count >= (isIPv4 ? 20 : 40) else {
            faults.append("an answer of \(bytes.count) bytes")
            return
        }
        let header = isIPv4 ? Int(bytes[0] & 15) * 4 : 40
        let length = isIPv4 ? Int(bytes.number16(at: 2)) : 40 + Int(bytes.number16(at: 4))
        if length > bytes.count { faults.append("an answer of \(length) bytes in \(bytes.count)") }
        if bytes[isIPv4 ? 8 : 7] != UInt8(OUTER_TTL) { faults.append("an answer's TTL") }
        let isError = isIPv4 ? bytes[9] == 1 && bytes[header] == 3 : bytes[6] == 58 && bytes[40] == 2
        guard isError, length <= bytes.count else {
            let request = Array(frame[Self.linkLength(of: frame)...])
            let wasRight = !isIPv4 || Array(request[..<header]).checksum == 0
            if isIPv4, wasRight, Array(bytes[..<header]).checksum != 0 {
                faults.append("an echo reply's header checksum")
            }
            return
        }
        if isIPv4 {
            if Array(bytes[..<20]).checksum != 0 { faults.append("an error's header checksum") }
            if Array(bytes[20..<length]).checksum != 0 { faults.append("an error's checksum") }
        } else {
            let pseudo = Array(bytes[8..<40]) + [UInt8](UInt32(length - 40)) + [0, 0, 0, 58]
            if (pseudo + Array(bytes[40..<length])).checksum != 0 { faults.append("an error's checksum") }
        }
    }

    private static func linkLength(of frame: [UInt8]) -> Int {
        var length = 14
        while length < 22, length + 4 <= frame.count, [0x8100, 0x88a8].contains(frame.number16(at: length - 2)) {
            length += 4
        }
        return length
    }
}

extension Stage {
    func isNextHop(_ address: MACAddress) -> Bool { image.view.nextHops.values.contains { $0.destination == address } }
    func isBackend(_ address: IPAddress) -> Bool { image.view.nextHops[address] != nil }
}
