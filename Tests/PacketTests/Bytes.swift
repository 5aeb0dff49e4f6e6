// SPDX-License-Identifier: Apache-2.0

/// Numbers in the order of the wire, and the Internet checksum: written here anew, so that tests do not believe the code that
/// they test.
extension Array where Element == UInt8 {
    init(_ number: some FixedWidthInteger) {
        self = Swift.withUnsafeBytes(of: number.bigEndian) { [UInt8]($0) }
    }

    /// Bytes 0, 1, 2, ...: a payload in which nothing can be moved unseen.
    static func counting(_ count: Int) -> [UInt8] { (0..<count).map { UInt8(truncatingIfNeeded: $0) } }

    func number16(at offset: Int) -> UInt16 { UInt16(self[offset]) << 8 | UInt16(self[offset + 1]) }
    func number32(at offset: Int) -> UInt32 { UInt32(number16(at: offset)) << 16 | UInt32(number16(at: offset + 2)) }

    mutating func set(_ number: UInt16, at offset: Int) {
        self[offset] = UInt8(number >> 8)
        self[offset + 1] = UInt8(number & 0xff)
    }

    /// Of RFC 1071, over this and nothing else; 0 over bytes that hold their own right checksum.
    var checksum: UInt16 {
        var sum: UInt32 = 0
        for offset in stride(from: 0, to: count, by: 2) {
            sum += UInt32(self[offset]) << 8 | (offset + 1 < count ? UInt32(self[offset + 1]) : 0)
            sum = sum >> 16 + sum & 0xffff
        }
        return ~UInt16(sum)
    }

    var hexadecimal: String {
        let digits = [Character]("0123456789abcdef")
        return String(flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] })
    }
}
