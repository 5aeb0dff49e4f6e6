// SPDX-License-Identifier: Apache-2.0

/// Deadlines by the ten thousand that are put off far more often than they come: idle time-outs.
///
/// Entries are numbers that the owner gives, such as its connections' places; time is counted in ticks. Putting a
/// deadline off is one store: the entry stays where it is filed, and is filed anew when the wheel comes by. Arming for
/// an earlier time, disarming and expiring cost O(1) each, and nothing allocates. A pure value: it is told the time.
///
/// Source: G. Varghese, T. Lauck, "Hashed and Hierarchical Timing Wheels", SOSP 1987, scheme 6, with lazy deletion.
public struct TimerWheel: ~Copyable {
    /// An entry in its bucket's ring of entries, or in none.
    private struct Entry {
        var deadline: UInt64 = 0
        /// The tick whose bucket holds it.
        var filed: UInt64 = 0
        var next: Int32 = -1
        var previous: Int32 = -1
        var isFiled = false
        var isArmed = false
    }

    private static let buckets = 512
    private let entries: UnsafeMutablePointer<Entry>
    private let heads: UnsafeMutablePointer<Int32>
    public let capacity: Int
    /// How many entries are filed, armed or not: with none, nobody needs to turn the wheel.
    public private(set) var filedCount = 0
    /// The next tick to be looked at.
    private var current: UInt64 = 0

    /// - Parameter capacity: entries are 0..<capacity.
    public init(capacity: Int) {
        self.capacity = capacity
        entries = .allocate(capacity: capacity)
        entries.initialize(repeating: Entry(), count: capacity)
        heads = .allocate(capacity: Self.buckets)
        heads.initialize(repeating: -1, count: Self.buckets)
    }

    deinit {
        entries.deallocate()
        heads.deallocate()
    }

    public func isArmed(_ entry: Int) -> Bool {
        precondition(entry >= 0 && entry < capacity, "an entry of another wheel")
        return entries[entry].isArmed
    }

    /// Sets or moves its deadline. One that has passed expires at the next `expire`. Where nothing is filed, call
    /// `expire` first: it tells the wheel the time, which it else has to catch up with tick by tick.
    public mutating func arm(_ entry: Int, at tick: UInt64) {
        precondition(entry >= 0 && entry < capacity, "an entry of another wheel")
        entries[entry].deadline = tick
        entries[entry].isArmed = true
        if entries[entry].isFiled {
            if entries[entry].filed <= tick { return }
            unlink(entry)
        }
        file(entry)
    }

    /// It leaves its bucket when the wheel comes by.
    public mutating func disarm(_ entry: Int) {
        precondition(entry >= 0 && entry < capacity, "an entry of another wheel")
        entries[entry].isArmed = false
    }

    /// An entry whose deadline has come by `now`, disarmed; nil where there is none left. To be called until it answers
    /// nil: the wheel stands where it was interrupted.
    public mutating func expire(at now: UInt64) -> Int? {
        guard filedCount > 0 else {
            current = max(current, now)
            return nil
        }
        while current <= now {
            if let entry = expireInBucket() { return entry }
            current += 1
        }
        return nil
    }

    /// Empties the bucket of the current tick of what is due; entries of later rounds stay, as they are filed.
    private mutating func expireInBucket() -> Int? {
        var entry = Int(heads[bucket(current)])
        while entry >= 0 {
            let next = Int(entries[entry].next)
            if entries[entry].filed <= current {
                unlink(entry)
                if entries[entry].isArmed {
                    if entries[entry].deadline <= current {
                        entries[entry].isArmed = false
                        return entry
                    }
                    file(entry)
                }
            }
            entry = next
        }
        return nil
    }

    private func bucket(_ tick: UInt64) -> Int { Int(tick % UInt64(Self.buckets)) }

    private mutating func file(_ entry: Int) {
        let tick = max(entries[entry].deadline, current)
        let head = bucket(tick)
        entries[entry].filed = tick
        entries[entry].isFiled = true
        entries[entry].previous = -1
        entries[entry].next = heads[head]
        // In bounds: links are entries' own numbers.
        if heads[head] >= 0 { entries[Int(heads[head])].previous = Int32(truncatingIfNeeded: entry) }
        heads[head] = Int32(truncatingIfNeeded: entry)
        filedCount += 1
    }

    private mutating func unlink(_ entry: Int) {
        let (previous, next) = (Int(entries[entry].previous), Int(entries[entry].next))
        if previous >= 0 {
            entries[previous].next = Int32(truncatingIfNeeded: next)
        } else {
            heads[bucket(entries[entry].filed)] = Int32(truncatingIfNeeded: next)
        }
        if next >= 0 { entries[next].previous = Int32(truncatingIfNeeded: previous) }
        entries[entry].isFiled = false
        filedCount -= 1
    }
}
