// SPDX-License-Identifier: Apache-2.0

import CDataplane
import Model

// The one place where values become the bytes of map entries. Addresses change form in Model
// (`DataplaneAddress.swift`).

/// A number as the header of `dataplane.h` has it in its `__be*` fields.
func networkOrder<Value: FixedWidthInteger>(_ value: Value) -> Value { value.bigEndian }

/// The number of a `__be*` field.
func hostOrder<Value: FixedWidthInteger>(_ value: Value) -> Value { Value(bigEndian: value) }

/// Whether two entries are the same bytes. The structures of `dataplane.h` have no padding.
///
/// Not every one of them is BitwiseCopyable to Swift, as C's unions never are.
func sameBytes<Value>(_ one: Value, _ other: Value) -> Bool {
    withUnsafeBytes(of: one) { first in
        withUnsafeBytes(of: other) { second in first.elementsEqual(second) }
    }
}

extension CDataplane.vip {
    /// - Parameter seed: of its service's flow hash.
    init(_ placed: PlacedService, seed: UInt64, flags: vip_flags.RawValue) {
        self.init()
        address = CDataplane.address(placed.service.vip.address)
        port = networkOrder(placed.service.vip.port)
        `protocol` = placed.service.vip.transport.rawValue
        self.flags = UInt8(truncatingIfNeeded: flags)
        service = placed.id.rawValue
        table = placed.table
        self.seed = seed
    }

    /// The entry that says that an address is a VIP's, for ICMP.
    init(icmp address: IPAddress, service: ServiceID) {
        self.init()
        self.address = CDataplane.address(address)
        `protocol` = UInt8(PROTOCOL_ICMP.rawValue)
        self.service = service.rawValue
    }

    var isFree: Bool { `protocol` == UInt8(PROTOCOL_NONE.rawValue) }
    var isEmpty: Bool { flags & UInt8(VIP_EMPTY.rawValue) != 0 }

    /// The fleet's part of it.
    var withoutHandover: Self {
        var copy = self
        copy.flags &= ~UInt8(VIP_HANDOVER.rawValue)
        return copy
    }

    /// Nil for a free entry and for an address's ICMP entry.
    var value: VIP? {
        TransportProtocol(rawValue: `protocol`).map {
            VIP(address: IPAddress(address), port: hostOrder(port), transport: $0)
        }
    }

    /// Of its flows.
    var key: FlowKey { UInt32(flags) & VIP_SOURCE_IP.rawValue != 0 ? .sourceIP : .fiveTuple }

    var tableSize: TableSize { TableSize(rawValue: table_size_of(flags)) ?? .medium }

    func line(seed: UInt64) -> Int { Int(vip_line_of(address, port, `protocol`, seed)) }
}

extension CDataplane.service {
    init(_ service: VirtualService, allowsOthers: Bool) {
        self.init()
        flow_idle = service.flowIdle.wholeSeconds
        udp_idle = service.udpIdle.wholeSeconds
        access_default = (allowsOthers ? ACCESS_ALLOW : ACCESS_DENY).rawValue
    }
}

extension CDataplane.access_key {
    init(service: ServiceID, prefix: IPPrefix) {
        self.init()
        prefix_bits = UInt32(32 + prefix.mappedLength)
        self.service = networkOrder(UInt32(service.rawValue))
        client = CDataplane.address(prefix.address)
    }

    /// Nil where it is no prefix of either family.
    func entry(_ access: UInt32) -> AccessEntry? {
        let address = IPAddress(client)
        let length = Int(prefix_bits) - 32 - (address.isIPv4 ? 96 : 0)
        guard let prefix = IPPrefix(address, length: length) else { return nil }
        return AccessEntry(
            service: ServiceID(rawValue: UInt16(truncatingIfNeeded: hostOrder(service))), prefix: prefix,
            allows: access == ACCESS_ALLOW.rawValue)
    }
}

extension CDataplane.interface {
    init(_ interface: NetworkInterface) {
        self.init()
        ifindex = interface.index
        address = CDataplane.mac(interface.address)
        mtu = interface.mtu
        flags = interface.isVirtual ? INTERFACE_VIRTUAL.rawValue : 0
    }
}

extension CDataplane.control {
    /// The outer prefixes: packets from them are a loop. A prefix of length 0 would be every source: it is left out.
    mutating func setSources(_ prefix4: IPPrefix, _ prefix6: IPPrefix) {
        source4 = networkOrder(prefix4.address.v4Bits)
        source4_mask = networkOrder(mask(UInt32.self, length: prefix4.length))
        source6 = networkOrder(prefix6.address.high)
        source6_mask = networkOrder(mask(UInt64.self, length: prefix6.length))
    }
}

/// The network bits of a prefix.
func mask<Word: FixedWidthInteger & UnsignedInteger>(_: Word.Type, length: Int) -> Word {
    length <= 0 ? 0 : Word.max << Word(Word.bitWidth - min(length, Word.bitWidth))
}

extension Duration {
    /// Seconds, rounded up, as the maps hold them.
    var wholeSeconds: UInt32 {
        let (seconds, attoseconds) = components
        return UInt32(clamping: seconds + (attoseconds > 0 ? 1 : 0))
    }
}
