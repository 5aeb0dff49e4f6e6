// SPDX-License-Identifier: Apache-2.0

extension HuffmanTable {
    /// What `decode` answers instead of a count.
    static let malformed = -1
    /// Or that more than `room` is needed, one byte of which may stay unused.
    static let noRoom = -2

    /// Decodes `count` octets of a block; answers how many bytes it wrote, `malformed` or `noRoom`.
    ///
    /// The window holds the next bits at its top. Below the counted ones lie bits of the octets to come, if any: to
    /// put them there a second time changes nothing.
    /// - Parameter out: `room` writable bytes; each step writes two and is taken only while two are left.
    func decode(
        _ block: Span<UInt8>, _ start: Int, _ count: Int, into out: UnsafeMutablePointer<UInt8>, room: Int
    ) -> Int {
        var window: UInt64 = 0
        var bits = 0
        var at = start
        let end = start &+ count
        precondition(start >= 0 && count >= 0 && end <= block.count)
        var written = 0
        while true {
            refill(&window, &bits, block, &at, end)
            guard bits >= Self.probeBits else { break }
            repeat {
                guard written &+ 2 <= room else { return Self.noRoom }
                // The index has `probeBits` bits, as the table has places for.
                let step = steps[Int(window &>> (64 &- UInt64(Self.probeBits)))]
                if step.symbols == 0 {
                    if bits < Self.longest && at < end { break }
                    let (symbol, length) = code(at: window)
                    guard length <= bits && symbol != Self.endOfString else { return Self.malformed }
                    out[written] = UInt8(truncatingIfNeeded: symbol)
                    written &+= 1
                    window &<<= UInt64(length)
                    bits &-= length
                } else {
                    out[written] = step.first
                    out[written &+ 1] = step.second
                    written &+= step.symbols
                    window &<<= UInt64(step.bits)
                    bits &-= step.bits
                }
            } while bits >= Self.probeBits
        }
        return last(window, bits, into: out, room: room, written: written)
    }

    /// The last bits, fewer than a probe: short codes, then padding of at most seven ones (RFC 7541, 5.2).
    private func last(
        _ rest: UInt64, _ count: Int, into out: UnsafeMutablePointer<UInt8>, room: Int, written already: Int
    ) -> Int {
        var written = already
        var window = rest
        var bits = count
        while bits > 0 {
            window |= UInt64.max &>> UInt64(bits)
            let (symbol, length) = code(at: window)
            guard length <= bits else { return window == .max && bits < 8 ? written : Self.malformed }
            guard written < room else { return Self.noRoom }
            out[written] = UInt8(truncatingIfNeeded: symbol)
            written &+= 1
            window &<<= UInt64(length)
            bits &-= length
        }
        return written
    }

    /// The code that the window begins with, whatever its length: each window has one, as the code is complete.
    @inline(__always)
    private func code(at window: UInt64) -> (symbol: Int, length: Int) {
        let top = window &>> 32
        var length = 5
        while length < Self.longest && top >= bounds[length] { length &+= 1 }
        // Below bounds[length], and not below those of shorter ones: a place of this length's symbols.
        let place = Int(top &>> UInt64(32 &- length)) &+ offsets[length]
        return (Int(symbols[place]), length)
    }

    /// At least 57 bits, or all there are.
    @inline(__always)
    private func refill(
        _ window: inout UInt64, _ bits: inout Int, _ block: Span<UInt8>, _ at: inout Int, _ end: Int
    ) {
        if end &- at >= 8 {
            let word = block.bytes.unsafeLoadUnaligned(fromByteOffset: at, as: UInt64.self).bigEndian
            window |= word &>> UInt64(bits)
            let octets = (63 &- bits) &>> 3
            at &+= octets
            bits &+= octets &<< 3
            return
        }
        while bits <= 56 && at < end {
            window |= UInt64(block[at]) &<< UInt64(56 &- bits)
            bits &+= 8
            at &+= 1
        }
    }
}
