// SPDX-License-Identifier: Apache-2.0

import Model
import TestSupport

@testable import Dataplane

/// What a client sends next.
enum Segment: UInt8 {
    case syn = 0x02
    case ack = 0x10
    case fin = 0x11
    case datagram = 0
}

/// A connection or an exchange of datagrams, and the backend that it is expected to stay with: that of its first SYN
/// or datagram.
struct SimulatedFlow {
    enum Habit {
        case short, long
        /// Silent for longer than between two changes, shorter than `flow-idle`.
        case idle
        /// Silent for longer than `flow-idle`.
        case silent
    }

    /// What happens around its first packets.
    enum Opening {
        case plain
        /// SYN and handshake's end before and after a change.
        case overlapping
        /// The SYN comes twice before a change, the handshake's end after it.
        case retransmitted
        /// The SYN comes twice, before and after a change.
        case retransmittedAcross
        /// All of it while a change is applied.
        case amidst
        /// All of it after a change.
        case afterwards
    }

    /// Who talks to which port.
    struct Ends {
        let client: IPAddress
        let port: UInt16
        let vipPort: UInt16
    }

    let site: Int
    let client: IPAddress
    let port: UInt16
    let vipPort: UInt16
    let isTCP: Bool
    let habit: Habit
    let opening: Opening
    /// In ticks.
    let begins: Int
    let ends: Int
    let gap: Int
    var next: Int
    /// 0 before its first packet.
    var backend: UInt16 = 0
    var begun = 0.0
    var last = 0.0
    var isSpoofed = false
    var isOver = false
    private var frame: [UInt8]

    init(
        _ service: VirtualService, site: Int, between parties: Ends, habit: Habit, opening: Opening,
        begins: Int, ends: Int, gap: Int
    ) {
        self.site = site
        client = parties.client
        port = parties.port
        vipPort = parties.vipPort
        self.habit = habit
        self.opening = opening
        self.begins = begins
        self.ends = ends
        self.gap = gap
        isTCP = service.vip.transport == .tcp
        next = begins + gap
        let packet = MadePacket(
            source: client, sourcePort: port, destination: service.vip.address,
            destinationPort: vipPort, kind: isTCP ? .tcpSYN : .udp)
        frame = packet.frame(nonce: 0)
        frame[6] = 0x02  // a client's MAC, not a dry run's
    }

    /// - Parameter seed: the generation's.
    func key(in service: PlacedService, seed: UInt64) -> Flow {
        Flow(client: client, clientPort: port, vipPort: vipPort, service: service, seed: seed)
    }

    /// The frame with the flags of this segment.
    mutating func frame(_ segment: Segment) -> [UInt8] {
        if isTCP { frame[client.isIPv4 ? 47 : 67] = segment.rawValue }
        return frame
    }

    /// The phases of a tick, before, amidst and after its changes, and what it sends in them when it begins.
    var first: [(phase: Int, segment: Segment)] {
        guard isTCP else {
            switch opening {
            case .amidst: return [(2, .datagram), (3, .datagram)]
            case .afterwards: return [(3, .datagram), (4, .datagram)]
            default: return [(0, .datagram), (4, .datagram)]
            }
        }
        switch opening {
        case .plain: return [(0, .syn), (1, .ack)]
        case .overlapping: return [(0, .syn), (3, .ack)]
        case .retransmitted: return [(0, .syn), (1, .syn), (4, .ack)]
        case .retransmittedAcross: return [(0, .syn), (3, .syn), (4, .ack)]
        case .amidst: return [(2, .syn), (3, .ack)]
        case .afterwards: return [(3, .syn), (4, .ack)]
        }
    }
}

extension SimulatedFlow {
    /// One that lives outside the schedule.
    init(of world: World, site: Int, client number: Int, port: UInt16) {
        let service = world.sites[site].service
        let client =
            service.vip.address.isIPv4
            ? IPAddress(v4: 0xc612_0000 | UInt32(number)) : IPAddress(high: 0x2001_0db8_00c1_0000, low: UInt64(number))
        self.init(
            service, site: site, between: Ends(client: client, port: port, vipPort: service.vip.port), habit: .long,
            opening: .plain, begins: 0, ends: 0, gap: 0)
    }
}

/// Makes flows as clients would.
struct Clients {
    private(set) var made = 0
    private var random: SplitMix

    init(seed: UInt64) { random = SplitMix(seed: seed &+ 1) }

    /// - Parameter reused: a flow that is over, whose addresses and ports may come again.
    mutating func next(of sites: [World.Site], at tick: Int, after reused: (Int) -> SimulatedFlow?) -> SimulatedFlow {
        let site = site(among: sites.count)
        let service = sites[site].service
        let old = UInt8.random(in: 0..<100, using: &random) < 15 ? reused(site) : nil
        let (habit, gap) = habit(isTCP: service.vip.transport == .tcp)
        let ends = old.map { .init(client: $0.client, port: $0.port, vipPort: $0.vipPort) } ?? ends(of: service)
        made += 1
        return SimulatedFlow(
            service, site: site, between: ends, habit: habit, opening: opening(), begins: tick,
            ends: end(of: habit, from: tick), gap: gap)
    }

    private mutating func site(among count: Int) -> Int {
        switch Int.random(in: 0..<100, using: &random) {
        case 0..<32: 0
        case 32..<52: 1
        case 52..<64: 2
        case 64..<72: 3
        case 72..<83: 4
        case 83..<90: 5
        case 90..<95: 6
        default: count - 1
        }
    }

    /// Others for every flow that is alive. Where flows of other ports share a slot, few clients have them all.
    private func ends(of service: VirtualService) -> SimulatedFlow.Ends {
        let isIPv4 = service.vip.address.isIPv4
        let few = 64
        if service.flowKey == .sourceIP {
            return .init(
                client: address(made % few, isIPv4: isIPv4), port: UInt16(1024 + made / few), vipPort: service.vip.port)
        }
        let port = UInt16(1024 + made / 8192)
        guard service.vip.port == 0 else {
            return .init(client: address(made % 8192, isIPv4: isIPv4), port: port, vipPort: service.vip.port)
        }
        return .init(
            client: address(made % few, isIPv4: isIPv4), port: port, vipPort: UInt16(8000 + made / few % (8192 / few)))
    }

    private func address(_ host: Int, isIPv4: Bool) -> IPAddress {
        let host = UInt64(host)
        return isIPv4
            ? IPAddress(v4: 0xc612_0000 | UInt32(host)) : IPAddress(high: 0x2001_0db8_00c1_0000 | host >> 8, low: host)
    }

    private mutating func habit(isTCP: Bool) -> (SimulatedFlow.Habit, gap: Int) {
        switch Int.random(in: 0..<100, using: &random) {
        case 0..<70: (.short, 1)
        case 70..<85: (.long, isTCP ? Int.random(in: 1...2, using: &random) : 1)
        case 85..<98: (.idle, isTCP ? 4 : 1)
        default: (.silent, isTCP ? 7 : 3)
        }
    }

    private mutating func opening() -> SimulatedFlow.Opening {
        switch Int.random(in: 0..<100, using: &random) {
        case 0..<40: .plain
        case 40..<52: .overlapping
        case 52..<56: .retransmitted
        case 56..<60: .retransmittedAcross
        case 60..<75: .amidst
        default: .afterwards
        }
    }

    /// Flows of the schedule's first part end with it, unless they begin after its last change.
    private mutating func end(of habit: SimulatedFlow.Habit, from tick: Int) -> Int {
        if habit == .short { return tick + Int.random(in: 0...2, using: &random) }
        let last = tick < Schedule.lastOfFirst ? Schedule.quietAfter : Schedule.ticks - 1
        return Int.random(in: min(tick + 8, last)...last, using: &random)
    }
}
