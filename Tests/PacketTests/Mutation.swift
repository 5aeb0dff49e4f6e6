// SPDX-License-Identifier: Apache-2.0

import TestSupport

/// Turns frames that are right into frames that nearly are.
struct Mutation {
    var random: SplitMix
    /// A kernel that knows no frames of several pieces makes test runs in one page, less headroom and the tail.
    private let longest = Stage.everything.contains(.fragments) ? 8192 : 3520

    init(random: SplitMix) { self.random = random }

    /// One frame of the sort that networks and attackers send.
    mutating func next(from frames: [[UInt8]]) -> [UInt8] {
        var frame = frames[Int.random(in: 0..<frames.count, using: &random)]
        if chance(8) { frame = noise(behind: frame) }
        for _ in 0..<Int.random(in: 0...4, using: &random) { change(&frame) }
        if chance(4) { mendChecksum(&frame) }
        frame = Array(frame.prefix(longest))
        if frame.count < 14 { frame += [UInt8](repeating: 0, count: 14 - frame.count) }
        return frame
    }

    private mutating func change(_ frame: inout [UInt8]) {
        guard frame.count > 14 else { return }
        switch Int.random(in: 0..<9, using: &random) {
        case 0: frame[place(in: frame)] ^= 1 << UInt8.random(in: 0..<8, using: &random)
        case 1: frame[place(in: frame)] = UInt8.random(in: .min ... .max, using: &random)
        case 2:
            frame[place(in: frame)] =
                [0, 1, 0x7f, 0x80, 0xff, 4, 6, 17, 41, 44, 47, 58, 60].randomElement(using: &random) ?? 0
        case 3: frame.removeLast(Int.random(in: 1...(frame.count - 14), using: &random))
        case 4: frame += (0..<Int.random(in: 1...1600, using: &random)).map { UInt8(truncatingIfNeeded: $0) }
        case 5: frame.set(UInt16.random(in: .min ... .max, using: &random), at: min(frame.count - 2, place(in: frame)))
        case 6:
            let start = place(in: frame)
            let end = min(frame.count, start + Int.random(in: 1...40, using: &random))
            frame.removeSubrange(start..<end)
        case 7:
            let start = place(in: frame)
            let end = min(frame.count, start + Int.random(in: 1...40, using: &random))
            frame.insert(contentsOf: frame[start..<end], at: start)
        default:
            // A tag more.
            frame.insert(contentsOf: [0x81, 0x00, 0x00, 0x0c], at: 12)
        }
    }

    /// Headers are where mutations tell most.
    private mutating func place(in frame: [UInt8]) -> Int {
        Int.random(in: 12..<(chance(3) ? frame.count : min(frame.count, 90)), using: &random)
    }

    /// The link's header, and anything behind it.
    private mutating func noise(behind frame: [UInt8]) -> [UInt8] {
        let kept = Int.random(in: 14...min(frame.count, 80), using: &random)
        let length = Int.random(in: 0...1586, using: &random)
        return frame[..<kept] + (0..<length).map { _ in UInt8.random(in: .min ... .max, using: &random) }
    }

    /// Makes an IPv4 header's checksum right again, so that the frame gets further.
    private func mendChecksum(_ frame: inout [UInt8]) {
        guard frame.count >= 34, frame.number16(at: 12) == 0x0800 else { return }
        let end = 14 + Int(frame[14] & 15) * 4
        guard end >= 34, end <= frame.count else { return }
        frame.set(0, at: 24)
        frame.set(Array(frame[14..<end]).checksum, at: 24)
    }

    private mutating func chance(_ one: Int) -> Bool { Int.random(in: 0..<one, using: &random) == 0 }
}
