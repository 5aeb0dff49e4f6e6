// SPDX-License-Identifier: Apache-2.0

/// What the protocol remembers of a stream that is not closed.
struct Stream: BitwiseCopyable, Sendable {
    var id: UInt32 = 0
    var state = StreamState.idle
    /// Of the request, on both sides.
    var method = RequestHead.Method.other
    /// Whether the final head came from the peer: what follows are content and trailers.
    var hasHead = false
    var sendWindow = FlowWindow()
    var receiveWindow = FlowWindow()
    /// Octets that were used up here and not yet given back to the peer.
    var owed: Int32 = 0
    /// Octets of content that the peer's content-length still promises; `ContentLength.none`: it promised nothing.
    var promised = ContentLength.none
    /// The next free place, while this one is.
    fileprivate var next: Int32 = -1
}

/// The living streams of a connection: places that stay, found by number.
///
/// A place is small and is used again, so whoever keeps more of a stream keeps it in an array of the same places.
struct StreamTable: ~Copyable {
    private var streams: UnsafeMutablePointer<Stream>
    private(set) var capacity = 0
    private var free: Int32 = -1
    /// Open addressing: twice as many as places; a place and one, or 0.
    private var finder: UnsafeMutablePointer<Int32>
    private(set) var count = 0

    init() {
        streams = .allocate(capacity: 0)
        finder = .allocate(capacity: 0)
    }

    deinit {
        streams.deallocate()
        finder.deallocate()
    }

    @inline(__always)
    subscript(place: Int) -> Stream {
        get {
            precondition(place >= 0 && place < capacity)
            return streams[place]
        }
        _modify {
            precondition(place >= 0 && place < capacity)
            yield &streams[place]
        }
    }

    @inline(__always)
    func place(of id: UInt32) -> Int? {
        guard count > 0 else { return nil }
        var at = home(id)
        // Ends: at most half of the finder is taken.
        while finder[at] != 0 {
            let place = Int(finder[at]) &- 1
            if streams[place].id == id { return place }
            at = (at &+ 1) & mask
        }
        return nil
    }

    /// A place for a new stream.
    mutating func add(_ stream: Stream) -> Int {
        if free < 0 { grow() }
        let place = Int(free)
        free = streams[place].next
        streams[place] = stream
        note(place)
        count &+= 1
        return place
    }

    mutating func remove(_ place: Int) {
        precondition(place >= 0 && place < capacity && streams[place].id != 0)
        forget(streams[place].id)
        streams[place] = Stream()
        streams[place].next = free
        free = Int32(truncatingIfNeeded: place)
        count &-= 1
    }

    /// The first living place from `place` on.
    func next(from place: Int) -> Int? {
        var at = place
        while at < capacity {
            if streams[at].id != 0 { return at }
            at += 1
        }
        return nil
    }

    private var mask: Int { capacity &* 2 &- 1 }

    @inline(__always)
    private func home(_ id: UInt32) -> Int { Int(id &>> 1) & mask }

    @inline(__always)
    private mutating func note(_ place: Int) {
        var at = home(streams[place].id)
        while finder[at] != 0 { at = (at &+ 1) & mask }
        finder[at] = Int32(truncatingIfNeeded: place &+ 1)
    }

    /// Takes an id out of the finder and moves back what probing would no longer reach.
    @inline(__always)
    private mutating func forget(_ id: UInt32) {
        var hole = home(id)
        while streams[Int(finder[hole]) &- 1].id != id { hole = (hole &+ 1) & mask }
        var at = hole
        while true {
            at = (at &+ 1) & mask
            guard finder[at] != 0 else { break }
            let home = home(streams[Int(finder[at]) &- 1].id)
            // It may fill the hole unless its home lies behind the hole.
            if (at &- home) & mask >= (at &- hole) & mask {
                finder[hole] = finder[at]
                hole = at
            }
        }
        finder[hole] = 0
    }

    private mutating func grow() {
        let larger = max(4, capacity * 2)
        let fresh = UnsafeMutablePointer<Stream>.allocate(capacity: larger)
        fresh.initialize(repeating: Stream(), count: larger)
        for place in 0..<capacity { fresh[place] = streams[place] }
        for place in capacity..<larger { fresh[place].next = place + 1 < larger ? Int32(place + 1) : -1 }
        streams.deallocate()
        finder.deallocate()
        free = Int32(capacity)
        streams = fresh
        finder = .allocate(capacity: larger * 2)
        finder.initialize(repeating: 0, count: larger * 2)
        let old = capacity
        capacity = larger
        for place in 0..<old { note(place) }
    }
}
