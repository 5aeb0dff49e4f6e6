// SPDX-License-Identifier: Apache-2.0

/// Answers of Linux 6.18 on a little-endian machine, statistics and the like cut out of them.
enum Captured {
    /// `v0@if2`, a veth whose other end is in another namespace: MTU 1500, ee:ae:06:02:aa:47, up.
    static let veth = """
        88000000 10000200 07000000 2c340000 00000100 02000000 43100100 00000000 07000300 76300000 08000400 dc050000
        08003200 44000000 08003300 ffff0000 08001f00 02000000 08002000 02000000 0a000100 eeae0602 aa470000
        0c002b00 05000200 00000000 10001200 09000100 76657468 00000000 08002500 00000000 08000500 02000000
        """

    /// 10.9.0.2 lladdr 02:00:00:00:00:02 on interface 2, permanent.
    static let neighbour = """
        4c000000 1c000200 07000000 2c340000 02000000 02000000 80000001 08000100 0a090002 0a000200 02000000 00020000
        08000400 00000000 14000300 18000000 18000000 18000000 00000000
        """

    /// The lookup of 10.8.1.1, which is routed to 10.9.0.2 with an MTU of 1400 out of interface 2.
    static let route = """
        7c000000 18000000 07000000 2c340000 02200000 fe000001 00020000 08000f00 fe000000 08000100 0a080101 08000400
        02000000 08000700 0a090001 08000500 0a090002 0c000800 08000200 78050000 08001900 00000000 24000c00 02000000
        00000000 00000000 00000000 00000000 00000000 00000000 00000000
        """

    /// The lookup of 192.0.2.1 without a route there.
    static let noRoute = """
        38000000 02000000 07000000 2c340000 9bffffff 24000000 1a000100 07000000 00000000 02200000 00000000 00000000
        08000100 c0000201
        """

    static func bytes(_ text: String) -> [UInt8] {
        let digits = text.filter(\.isHexDigit)
        return stride(from: 0, to: digits.count, by: 2).compactMap { offset in
            let start = digits.index(digits.startIndex, offsetBy: offset)
            return UInt8(digits[start..<digits.index(start, offsetBy: 2)], radix: 16)
        }
    }
}
