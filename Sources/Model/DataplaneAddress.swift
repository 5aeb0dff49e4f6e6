// SPDX-License-Identifier: Apache-2.0

import CDataplane

// The one place where addresses change into the kernel's form, whose fields are bytes in the order of the wire.

extension CDataplane.address {
    public init(_ address: IPAddress) {
        self.init()
        halves = (address.high.bigEndian, address.low.bigEndian)
    }
}

extension IPAddress {
    public init(_ address: CDataplane.address) {
        self.init(high: UInt64(bigEndian: address.halves.0), low: UInt64(bigEndian: address.halves.1))
    }
}

extension CDataplane.mac {
    public init(_ address: MACAddress) {
        let bytes = address.bytes
        self.init(bytes: (bytes[0], bytes[1], bytes[2], bytes[3], bytes[4], bytes[5]))
    }
}

extension MACAddress {
    public init(_ address: CDataplane.mac) {
        var bits: UInt64 = 0
        withUnsafeBytes(of: address) { for byte in $0 { bits = bits << 8 | UInt64(byte) } }
        self.init(bits: bits)
    }
}

extension BackendID {
    /// Of a socket whose packets shall leave as a balanced packet to this backend would; never 0.
    public var probeMark: UInt32 { UInt32(PROBE_MARK) | UInt32(rawValue) & ~UInt32(PROBE_MARK_MASK) }
}
