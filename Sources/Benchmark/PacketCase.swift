// SPDX-License-Identifier: Apache-2.0

import CDataplane
import Dataplane
import Model

/// One row of the packet path's benchmark: which packets, in which fleet, and how much they may cost.
struct PacketCase: Sendable {
    let name: String
    let scene: Scene
    let traffic: Traffic
    /// Times the limit; nil where none is promised.
    var bound: Double?
    /// What the program must have done with nearly every packet, or another thing was measured.
    let reason: reason
    /// Whether a connection of each flow begins first.
    var isRecorded = false
}

extension PacketCase {
    /// All, those of one scene together.
    static let all: [PacketCase] = settled + unsettled + others

    private static let settled: [PacketCase] = [
        PacketCase(
            name: "TCP/IPv4 established, 1 flow", scene: .ipv4, traffic: .ipv4(Scene.web), bound: 2.4,
            reason: REASON_SETTLED),
        PacketCase(
            name: "131,072 settled flows of one VIP", scene: .ipv4, traffic: manyFlows(Scene.web), bound: 3,
            reason: REASON_SETTLED),
        PacketCase(
            name: "1,048,576 flows over 128 services, in trains of 8,192", scene: .ipv4,
            traffic: manyServices(train: 1 << 13), bound: 4, reason: REASON_SETTLED),
        // The tables of 128 services are larger than what caches keep: the memory's latency alone passes the bound.
        PacketCase(
            name: "the same, each packet another service", scene: .ipv4, traffic: manyServices(train: 1),
            reason: REASON_SETTLED),
        PacketCase(
            name: "new flow each packet, settled slots", scene: .ipv4, traffic: newFlows(Scene.web), bound: 3,
            reason: REASON_NEW),
    ]

    private static let unsettled: [PacketCase] = [
        PacketCase(
            name: "unsettled slots, 1 flow", scene: .ipv4, traffic: .ipv4(Scene.moving), bound: 3.5,
            reason: REASON_RECORDED, isRecorded: true),
        PacketCase(
            name: "unsettled slots, 131,072 flows", scene: .ipv4, traffic: manyFlows(Scene.moving), bound: 5,
            reason: REASON_RECORDED, isRecorded: true),
        PacketCase(
            name: "unsettled slots, a SYN each", scene: .ipv4, traffic: newFlows(Scene.moving), bound: 10,
            reason: REASON_NEW),
    ]

    private static let others: [PacketCase] = [
        PacketCase(
            name: "UDP/IPv4, 1 flow", scene: .ipv4, traffic: .ipv4(Scene.dns, .udp), bound: 2.5,
            reason: REASON_SETTLED),
        PacketCase(
            name: "not a VIP", scene: .ipv4, traffic: .ipv4(Scene.nobody), bound: 1, reason: REASON_NOT_VIP),
        PacketCase(
            name: "TCP/IPv6, 1 flow", scene: .ipv6, traffic: .ipv6(Scene.six), bound: 2.5, reason: REASON_SETTLED),
        PacketCase(
            name: "GUE, TCP/IPv4, 1 flow", scene: .gue, traffic: .ipv4(Scene.encapsulated), bound: 3,
            reason: REASON_SETTLED),
        PacketCase(
            name: "access list, nothing matches", scene: .accessList, traffic: .ipv4(Scene.guarded), bound: 4.5,
            reason: REASON_SETTLED),
    ]

    private static func manyFlows(_ vip: VIP) -> Traffic { .ipv4(vip).spread(flows: 1 << 17) }
    /// One service after the other has a train of packets, each of another flow.
    private static func manyServices(train: Int) -> Traffic {
        .ipv4(Scene.web).spread(flows: 1 << 20, vips: Scene.webServices, train: train)
    }

    private static func newFlows(_ vip: VIP) -> Traffic { .ipv4(vip).spread(flows: Traffic.newFlowEachPacket).asSYN }
}
