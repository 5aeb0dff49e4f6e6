// SPDX-License-Identifier: Apache-2.0

import BPF
import CDataplane
import Model

/// What the running program does with a packet, told by itself.
public struct Explanation: Hashable, Sendable {
    public enum Verdict: UInt32, Hashable, Sendable {
        case aborted, drop, pass, transmit, redirect
    }

    public let packet: MadePacket
    public let verdict: Verdict
    public let reason: Reason
    /// Nil where the packet is of no VIP.
    public let service: ServiceID?
    /// Where it lies in force.
    public let entry: VIPEntry?
    public let slotIndex: Int
    /// Nil where no table was asked.
    public let slot: Slot?
    /// Nil where it goes to none.
    public let backend: BackendID?
    public let record: FlowRecord?
    /// The hash of its 5-tuple; 0 where no table was asked.
    public let flowHash: UInt64
    /// Seconds since the slot's line changed; nil for a settled one.
    public let changedAgo: Int?
    /// Bytes of the made frame.
    public let inputLength: Int
    /// The frame that would leave; nil unless it does.
    public let output: FrameSummary?
    /// By which it would leave, if that is known: with several interfaces, the one it came in by is not.
    public let interface: UInt32?
    /// Where a new connection of the same client would go: the same question asked with a SYN.
    public let newConnection: BackendID?
}

extension KernelState {
    /// Asks the program in the kernel about a packet, as a dry run: no counter, record or stamp changes.
    ///
    /// - Throws: where there is no program, or it is too old to explain itself.
    public func explain(_ packet: MadePacket) throws(BPFError) -> Explanation {
        let answer = try ask(packet)
        var new: BackendID?
        if packet.kind == .tcpACK {
            var syn = packet
            syn.kind = .tcpSYN
            new = Self.backend(try ask(syn).trace.backend)
        }
        let trace = answer.trace
        let service = trace.service == 0 ? nil : ServiceID(rawValue: UInt16(truncatingIfNeeded: trace.service))
        let word = SlotWord(rawValue: trace.word)
        let leaves = answer.verdict == .transmit || answer.verdict == .redirect
        let now = MonotonicClock.seconds()
        return Explanation(
            packet: packet, verdict: answer.verdict, reason: Reason(rawValue: Int(trace.reason)), service: service,
            entry: service.flatMap { id in vips().first { $0.service == id } }, slotIndex: Int(trace.slot),
            slot: trace.flow == 0 ? nil : Slot(word), backend: Self.backend(trace.backend),
            record: FlowRecord(trace.record, line: line(of: trace), now: now),
            flowHash: trace.flow, changedAgo: word.isUnsettled ? Int(now) - Int(trace.changed) : nil,
            inputLength: answer.input, output: leaves ? FrameSummary(answer.output) : nil,
            interface: leaves ? try interface(towards: trace.backend) : nil, newConnection: new)
    }

    /// Where the record lies that the packet met: its home line, unless it has spilled.
    private func line(of trace: CDataplane.explanation) -> Int {
        let lines = Flow.recordLines(ofHash: trace.flow)
        let isSpilled = memory { memory in
            (0..<Int(RECORDS_PER_LINE)).contains { way in
                memory.records[lines.spill * Int(RECORDS_PER_LINE) + way] == trace.record
            }
        }
        return isSpilled ? lines.spill : lines.home
    }

    /// Where packets to a backend leave.
    private func interface(towards backend: UInt32) throws(BPFError) -> UInt32? {
        let port = memory { $0.backends[Int(backend) & Int(SLOT_BACKEND_MASK)].port }
        if port > 0 { return try maps.ports.lookup(port - 1, as: UInt32.self) }
        let attached = Set(
            try Pin.list(paths.links).map { name throws(BPFError) in
                try Link.open(pinned: "\(paths.links)/\(name)").interface
            })
        return attached.count == 1 ? attached.first : nil
    }

    struct Answer {
        let trace: CDataplane.explanation
        let verdict: Explanation.Verdict
        let input: Int
        let output: [UInt8]
    }

    /// One run of the program, and what it wrote of it.
    func ask(_ packet: MadePacket) throws(BPFError) -> Answer {
        guard let program else {
            throw BPFError(operation: "ask", subject: paths.program, cause: "no program is pinned there")
        }
        // Somebody else may be asking at the same moment.
        for _ in 0..<10 {
            let nonce = UInt16.random(in: 1 ... .max)
            let frame = packet.frame(nonce: nonce)
            let result = try program.program.testRun(TestRun(data: frame))
            let trace = maps.explanation[0]
            guard trace.nonce == UInt32(nonce) else { continue }
            return Answer(
                trace: trace, verdict: Explanation.Verdict(rawValue: result.verdict) ?? .aborted, input: frame.count,
                output: result.data)
        }
        throw BPFError(operation: "ask", subject: "program steer", cause: "it did not explain itself")
    }

    private static func backend(_ id: UInt32) -> BackendID? {
        id == 0 ? nil : BackendID(rawValue: UInt16(truncatingIfNeeded: id))
    }
}
