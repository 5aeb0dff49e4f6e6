// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc

/// What a descriptor is asked about, or ready for: epoll_ctl(2).
public struct Readiness: OptionSet, Hashable, Sendable {
    public let rawValue: UInt32
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    public static let readable = Readiness(rawValue: EPOLLIN.rawValue)
    public static let writable = Readiness(rawValue: EPOLLOUT.rawValue)
    /// The other side has sent its last byte.
    public static let peerClosed = Readiness(rawValue: EPOLLRDHUP.rawValue)
    /// Both directions are over; told without being asked.
    public static let hangup = Readiness(rawValue: EPOLLHUP.rawValue)
    /// Told without being asked.
    public static let error = Readiness(rawValue: EPOLLERR.rawValue)
    /// Not a state: report changes only, once each.
    public static let edgeTriggered = Readiness(rawValue: EPOLLET.rawValue)
}

/// Names one registered descriptor of one loop; never valid again after `deregister`.
public struct Registration: Hashable, Sendable {
    let index: UInt32
    let generation: UInt32

    /// As epoll carries it, so that an event which was queued for an earlier owner of the slot is recognised. Below
    /// `SinkID.mark`, as a generation has 31 bits.
    var token: UInt64 { UInt64(generation) << 32 | UInt64(index) }
}

/// Handlers by slot. Slots are reused under a new generation.
struct RegistrationTable {
    private struct Slot {
        var descriptor: Int32
        var generation: UInt32
        var handler: ((Readiness) -> Void)?
    }

    private var slots: [Slot] = []
    private var free: [UInt32] = []

    var count: Int { slots.count - free.count }

    mutating func add(_ descriptor: Int32, _ handler: @escaping (Readiness) -> Void) -> Registration {
        if let index = free.popLast() {
            slots[Int(index)].descriptor = descriptor
            slots[Int(index)].handler = handler
            return Registration(index: index, generation: slots[Int(index)].generation)
        }
        slots.append(Slot(descriptor: descriptor, generation: 0, handler: handler))
        return Registration(index: UInt32(slots.count - 1), generation: 0)
    }

    /// Its descriptor, nil where it is gone.
    func descriptor(of registration: Registration) -> Int32? {
        let index = Int(registration.index)
        guard index < slots.count, slots[index].generation == registration.generation, slots[index].handler != nil
        else { return nil }
        return slots[index].descriptor
    }

    /// Its descriptor, nil where it was gone already.
    mutating func remove(_ registration: Registration) -> Int32? {
        guard let descriptor = descriptor(of: registration) else { return nil }
        slots[Int(registration.index)].handler = nil
        let generation = slots[Int(registration.index)].generation &+ 1
        slots[Int(registration.index)].generation = generation & 0x7fff_ffff
        free.append(registration.index)
        return descriptor
    }

    func handler(token: UInt64) -> ((Readiness) -> Void)? {
        let index = Int(UInt32(truncatingIfNeeded: token))
        let generation = UInt32(truncatingIfNeeded: token >> 32)
        guard index < slots.count, slots[index].generation == generation else { return nil }
        return slots[index].handler
    }
}
