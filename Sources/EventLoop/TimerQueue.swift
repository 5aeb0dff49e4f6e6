// SPDX-License-Identifier: Apache-2.0

/// Names one timer of one queue; a removed timer's name is never valid again.
public struct TimerID: Hashable, Sendable {
    let index: UInt32
    let generation: UInt32
}

/// Deadlines in a binary heap that knows each timer's place, so that arming and disarming cost O(log n) and allocate
/// nothing. A pure value: it is told the time.
public struct TimerQueue: Sendable {
    private struct Slot {
        var deadline = MonotonicInstant(nanoseconds: 0)
        /// Place in the heap; -1: not armed.
        var place = -1
        var generation: UInt32 = 0
        var isFree = false
    }

    private var slots: [Slot] = []
    private var free: [UInt32] = []
    /// Indices of slots, the earliest deadline first.
    private var heap: [UInt32] = []

    public init() {}

    /// How many are armed.
    public var armedCount: Int { heap.count }

    public var earliest: MonotonicInstant? { heap.first.map { slots[Int($0)].deadline } }

    /// A new timer, not armed.
    public mutating func add() -> TimerID {
        if let index = free.popLast() {
            slots[Int(index)].isFree = false
            return TimerID(index: index, generation: slots[Int(index)].generation)
        }
        slots.append(Slot())
        return TimerID(index: UInt32(slots.count - 1), generation: 0)
    }

    /// Whether it was there.
    @discardableResult
    public mutating func remove(_ timer: TimerID) -> Bool {
        guard contains(timer) else { return false }
        disarm(timer)
        slots[Int(timer.index)].generation &+= 1
        slots[Int(timer.index)].isFree = true
        free.append(timer.index)
        return true
    }

    public func contains(_ timer: TimerID) -> Bool {
        let index = Int(timer.index)
        return index < slots.count && !slots[index].isFree && slots[index].generation == timer.generation
    }

    public func deadline(of timer: TimerID) -> MonotonicInstant? {
        guard contains(timer), slots[Int(timer.index)].place >= 0 else { return nil }
        return slots[Int(timer.index)].deadline
    }

    /// Sets or moves its deadline; does nothing to a removed timer.
    public mutating func arm(_ timer: TimerID, at deadline: MonotonicInstant) {
        guard contains(timer) else { return }
        let index = Int(timer.index)
        slots[index].deadline = deadline
        if slots[index].place < 0 {
            slots[index].place = heap.count
            heap.append(timer.index)
        }
        settle(at: slots[index].place)
    }

    public mutating func disarm(_ timer: TimerID) {
        guard contains(timer), slots[Int(timer.index)].place >= 0 else { return }
        takeOut(at: slots[Int(timer.index)].place)
    }

    /// Takes out the earliest timer whose deadline has come; it stays known and may be armed again.
    public mutating func expire(at now: MonotonicInstant) -> TimerID? {
        guard let first = heap.first, slots[Int(first)].deadline <= now else { return nil }
        takeOut(at: 0)
        return TimerID(index: first, generation: slots[Int(first)].generation)
    }

    private mutating func takeOut(at place: Int) {
        slots[Int(heap[place])].place = -1
        let last = heap.removeLast()
        if place == heap.count { return }
        heap[place] = last
        slots[Int(last)].place = place
        settle(at: place)
    }

    /// Moves one entry up or down until the heap is in order again.
    private mutating func settle(at start: Int) {
        var place = start
        while place > 0, isEarlier(place, (place - 1) / 2) {
            exchange(place, (place - 1) / 2)
            place = (place - 1) / 2
        }
        while true {
            var least = place
            if 2 * place + 1 < heap.count, isEarlier(2 * place + 1, least) { least = 2 * place + 1 }
            if 2 * place + 2 < heap.count, isEarlier(2 * place + 2, least) { least = 2 * place + 2 }
            if least == place { return }
            exchange(place, least)
            place = least
        }
    }

    private func isEarlier(_ one: Int, _ other: Int) -> Bool {
        slots[Int(heap[one])].deadline < slots[Int(heap[other])].deadline
    }

    private mutating func exchange(_ one: Int, _ other: Int) {
        heap.swapAt(one, other)
        slots[Int(heap[one])].place = one
        slots[Int(heap[other])].place = other
    }
}
