// SPDX-License-Identifier: Apache-2.0

import CDataplane
import Model

@testable import Dataplane

/// What packets of one flow do one after the other, in a slot that a change has moved.
struct Story: Sendable {
    /// What the flow has in the table of records.
    enum Record: Sendable {
        case none
        case unfinished(String)
        case established(String)
        /// One that is too old to say anything.
        case expired
    }

    enum Step: Sendable {
        /// A segment or a datagram of the flow.
        case packet(Transport.Segment.Flags, reason, to: String, leaves: Record)
        /// An ICMP error about the flow.
        case error(to: String, leaves: Record)
        /// The packet in two fragments.
        case fragments(reason, to: String, leaves: Record)
        case then(@Sendable (Stage, Flow) throws -> Void)
    }

    /// A sentence.
    let name: String
    let service: String
    /// By name: the slot's backend in the first generation, and in the second.
    let previous: String
    let current: String
    let steps: [Step]

    init(
        _ name: String, in service: String = "moving", from previous: String = "a", to current: String = "d",
        _ steps: [Step]
    ) {
        self.name = name
        self.service = service
        self.previous = previous
        self.current = current
        self.steps = steps
    }
}

/// Plays stories on a stage.
struct Play {
    let stage: Stage
    let story: Story
    private(set) var faults: [String] = []

    init(_ story: Story, on stage: Stage) {
        self.stage = stage
        self.story = story
    }

    mutating func run() throws {
        try stage.reset()
        let packet = try stage.packet(of: story.service, from: story.previous, to: story.current)
        let flow = try stage.flow(packet, of: story.service)
        let line = try stage.line(of: flow, in: story.service)
        let word = try stage.word(of: flow, in: story.service)
        stage.setTimes(of: line, used: 1, changed: stage.now())
        for (number, step) in story.steps.enumerated() {
            try play(step, packet, flow, number: number + 1)
        }
        try stage.setWord(word, of: flow, in: story.service)
    }

    private mutating func play(_ step: Story.Step, _ packet: Packet, _ flow: Flow, number: Int) throws {
        switch step {
        case .then(let change): try change(stage, flow)
        case .packet(let flags, let reason, let name, let record):
            let row = Row(
                "", packet.with(flags), .forwarded(reason, to: .named(name)), story.service)
            try judge(row, flow, number: number, mayStamp: true)
            try check(record, of: flow, number: number)
        case .error(let name, let record):
            let quoted = packet.answer().bytes
            let router = packet.isIPv4 ? "192.0.2.254" : "2001:db8:ffff::1"
            let error = Packet.icmp(
                router, to: "\(packet.destination)", packet.isIPv4 ? 3 : 2, packet.isIPv4 ? 4 : 0, rest: 1400,
                payload: quoted)
            let row = Row(
                "", error, .forwarded(REASON_ICMP_RELAYED, to: .named(name)), story.service, flow: packet)
            try judge(row, flow, number: number, mayStamp: false)
            try check(record, of: flow, number: number)
        case .fragments(let reason, let name, let record):
            let (first, later) = packet.sized(400).fragments(at: 80)
            for (fragment, reason) in [(first, reason), (later, REASON_LATER_FRAGMENT)] {
                let row = Row(
                    "", fragment, .forwarded(reason, to: .named(name)), story.service, flow: packet)
                try judge(row, flow, number: number, mayStamp: reason != REASON_LATER_FRAGMENT)
                try check(record, of: flow, number: number)
            }
        }
    }

    /// Frame, reason and counters; and the line's stamp, which says that a packet went elsewhere than to current.
    private mutating func judge(_ row: Row, _ flow: Flow, number: Int, mayStamp: Bool) throws {
        let line = try stage.line(of: flow, in: story.service)
        let word = try stage.word(of: flow, in: story.service)
        let changed = stage.maps.lineTimes[line].changed
        stage.setTimes(of: line, used: 1, changed: changed)
        var judge = Judge(row, on: stage)
        try judge.runOn()
        faults += judge.faults.map { "step \(number): \($0)" }
        guard mayStamp, case .forwarded(_, .named(let name)) = row.outcome else { return }
        let target = try stage.backend(name, of: story.service).id.rawValue
        let used = stage.maps.lineTimes[line].used
        let stamped = used != 1
        if stamped != (word.isUnsettled && target != word.current) {
            faults.append("step \(number): the line is \(stamped ? "" : "not ")stamped")
        }
        if stamped, stage.now() &- used > 1 { faults.append("step \(number): stamped with \(used)") }
        if stage.maps.lineTimes[line].changed != changed { faults.append("step \(number): another time of change") }
    }

    private mutating func check(_ wanted: Story.Record, of flow: Flow, number: Int) throws {
        let record = stage.record(of: flow)
        let backend = UInt16(record >> UInt64(RECORD_BACKEND_SHIFT) & UInt64(SLOT_BACKEND_MASK))
        let isEstablished = record & stage.establishedBit != 0
        let age = stage.now() >> UInt32(RECORD_AGE_UNIT_SHIFT) &- UInt32(record >> UInt64(RECORD_AGE_SHIFT))
        let expected: (name: String, isEstablished: Bool)
        switch wanted {
        case .none:
            if record != 0 { faults.append("step \(number): a record of backend \(backend)") }
            return
        case .expired:
            if record == 0 || age & 0xffff < 450 { faults.append("step \(number): no old record") }
            return
        case .unfinished(let name): expected = (name, false)
        case .established(let name): expected = (name, true)
        }
        let id = try stage.backend(expected.name, of: story.service).id.rawValue
        if record == 0 {
            faults.append("step \(number): no record")
        } else if backend != id || isEstablished != expected.isEstablished {
            faults.append("step \(number): the record says backend \(backend), established \(isEstablished)")
        } else if age & 0xffff > 1 {
            faults.append("step \(number): the record is \(age & 0xffff) units old")
        }
    }
}

extension Packet {
    /// The same with these flags, where it is TCP.
    func with(_ flags: Transport.Segment.Flags) -> Packet {
        with {
            guard case .tcp(var segment) = $0.transport else { return }
            segment.flags = flags
            $0.transport = .tcp(segment)
        }
    }
}

extension Stage {
    /// RECORD_ESTABLISHED of `dataplane.h`, a shift that Swift does not import.
    var establishedBit: UInt64 { 1 << UInt64(RECORD_ESTABLISHED_SHIFT) }

    /// A record as the program writes it, `age` old; where the host is not up for so long, it lies before the start.
    func record(
        fingerprint: UInt32, backend: UInt16, isEstablished: Bool, age: UInt32 = 0
    ) -> UInt64 {
        let time = UInt64((now() &- age) >> UInt32(RECORD_AGE_UNIT_SHIFT)) & 0xffff
        return UInt64(fingerprint) | UInt64(backend) << UInt64(RECORD_BACKEND_SHIFT)
            | (isEstablished ? establishedBit : 0) | time << UInt64(RECORD_AGE_SHIFT)
    }

    /// A packet whose slot went from one backend to another.
    func packet(of service: String, from previous: String, to current: String) throws -> Packet {
        let vip = try self.service(service).placed.service.vip
        let isShared = try self.service(service).placed.service.flowKey == .sourceIP
        for port in UInt16(1024)...60000 {
            // Where a client has one slot for all its ports, other clients have others.
            let client =
                isShared ? "198.18.\(port >> 8).\(port & 0xff)" : vip.address.isIPv4 ? Row.client : Row.client6
            let vipPort = vip.port == 0 ? 8080 : vip.port
            let packet: Packet =
                vip.transport == .tcp
                ? .tcp(client, port, to: "\(vip.address)", vipPort, .ack, payload: 40)
                : .udp(client, port, to: "\(vip.address)", vipPort)
            let slot = try slot(packet, of: service)
            let names = try (backend(slot.previous, of: service), backend(slot.current, of: service))
            if names.0.backend.name == previous, names.1.backend.name == current { return packet }
        }
        throw Unusable(what: "a slot of \(service) from \(previous) to \(current)")
    }
}
