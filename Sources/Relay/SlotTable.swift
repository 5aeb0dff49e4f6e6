// SPDX-License-Identifier: Apache-2.0

/// Connections or flows by number. A number is used again, but not the token that epoll knew an earlier one by.
struct SlotTable<Value: ~Copyable>: ~Copyable {
    let capacity: Int
    private(set) var count = 0
    private let places: UnsafeMutablePointer<Value>
    /// Odd where there is a value.
    private let generations: UnsafeMutablePointer<UInt32>
    private let free: UnsafeMutablePointer<Int32>

    private static var generationMask: UInt32 { 0x7f_ffff }

    init(capacity: Int) {
        self.capacity = capacity
        places = .allocate(capacity: capacity)
        generations = .allocate(capacity: capacity)
        generations.initialize(repeating: 0, count: capacity)
        free = .allocate(capacity: capacity)
        for index in 0..<capacity { free[index] = Int32(capacity - 1 - index) }
    }

    deinit {
        for index in 0..<capacity where generations[index] & 1 == 1 { (places + index).deinitialize(count: 1) }
        places.deallocate()
        generations.deallocate()
        free.deallocate()
    }

    var isFull: Bool { count == capacity }

    /// There must be room.
    mutating func insert(_ value: consuming Value) -> Int {
        precondition(count < capacity, "no room in the table")
        let index = Int(free[capacity - 1 - count])
        count += 1
        generations[index] = (generations[index] &+ 1) & Self.generationMask
        (places + index).initialize(to: value)
        return index
    }

    /// What it owns goes with it, unless the answer is kept.
    mutating func remove(_ index: Int) -> Value {
        precondition(holds(index), "no such place in the table")
        count -= 1
        free[capacity - 1 - count] = Int32(index)
        generations[index] = (generations[index] &+ 1) & Self.generationMask
        return (places + index).move()
    }

    func holds(_ index: Int) -> Bool { index >= 0 && index < capacity && generations[index] & 1 == 1 }

    /// Valid while the value is.
    func place(_ index: Int) -> UnsafeMutablePointer<Value> {
        precondition(holds(index), "no such place in the table")
        return places + index
    }

    /// 56 bits: generation 33..., number 1..., and a bit for the owner, such as a side.
    func token(_ index: Int, bit: UInt8 = 0) -> UInt64 {
        UInt64(generations[index]) << 33 | UInt64(index) << 1 | UInt64(bit & 1)
    }

    /// Nil for the token of one that is gone.
    func index(of token: UInt64) -> Int? {
        let index = Int(token >> 1 & 0xffff_ffff)
        return holds(index) && UInt64(generations[index]) == token >> 33 ? index : nil
    }
}
