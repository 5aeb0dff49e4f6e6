// SPDX-License-Identifier: Apache-2.0

import Glibc
import Model

extension IPAddress {
    /// AF_INET or AF_INET6.
    var family: UInt8 { UInt8(isIPv4 ? AF_INET : AF_INET6) }

    /// Four or sixteen bytes, as netlink carries them.
    var netlinkBytes: [UInt8] { isIPv4 ? Array(bytes.suffix(4)) : bytes }

    /// By four or sixteen bytes in network order; nil for other counts.
    init?(netlink bytes: ArraySlice<UInt8>) {
        func number(_ part: ArraySlice<UInt8>) -> UInt64 { part.reduce(0) { $0 << 8 | UInt64($1) } }
        switch bytes.count {
        case 4: self.init(v4: UInt32(truncatingIfNeeded: number(bytes)))
        case 16: self.init(high: number(bytes.prefix(8)), low: number(bytes.suffix(8)))
        default: return nil
        }
    }
}

extension MACAddress {
    /// By six bytes in network order; nil for other counts.
    init?(netlink bytes: ArraySlice<UInt8>) {
        guard bytes.count == 6 else { return nil }
        self.init(bits: bytes.reduce(0) { $0 << 8 | UInt64($1) })
    }
}
