// SPDX-License-Identifier: Apache-2.0

import CDataplane
import Model

/// A sample of the packets that the program dropped.
public struct DroppedPacket: Hashable, Sendable {
    /// Nanoseconds of the monotonic clock.
    public let time: UInt64
    public let cpu: Int
    public let interface: UInt32
    public let reason: Reason
    /// Nil for none.
    public let service: ServiceID?
    /// Bytes of the frame.
    public let length: Int
    /// The frame's start.
    public let bytes: [UInt8]
}

extension KernelState {
    /// What the event rings hold, oldest first.
    ///
    /// - Parameter time: only later ones; of the last that was read.
    public func droppedPackets(after time: UInt64 = 0) -> [DroppedPacket] {
        let events = (0..<maps.events.count).compactMap { index -> DroppedPacket? in
            let before = maps.events[index].time
            let event = maps.events[index]
            // The program sets the time to 0 while it writes: what changed meanwhile is not whole.
            guard before > time, event.time == before, maps.events[index].time == before else { return nil }
            let captured = min(Int(event.captured), Int(EVENT_BYTES))
            return DroppedPacket(
                time: event.time, cpu: index / Int(EVENTS_PER_CPU), interface: event.ifindex,
                reason: Reason(rawValue: Int(event.reason)),
                service: event.service == 0 ? nil : ServiceID(rawValue: event.service), length: Int(event.length),
                bytes: withUnsafeBytes(of: event.bytes) { Array($0.prefix(captured)) })
        }
        return events.sorted { $0.time < $1.time }
    }
}
