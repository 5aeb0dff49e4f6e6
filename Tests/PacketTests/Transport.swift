// SPDX-License-Identifier: Apache-2.0

import Model

/// What an IP packet carries.
enum Transport: Sendable {
    case tcp(Segment)
    case udp(Datagram)
    case icmp(Message)
    /// Any protocol, as it is.
    case raw(UInt8, [UInt8])

    struct Segment: Sendable {
        struct Flags: OptionSet, Sendable {
            let rawValue: UInt8
            static let fin = Flags(rawValue: 0x01)
            static let syn = Flags(rawValue: 0x02)
            static let rst = Flags(rawValue: 0x04)
            static let push = Flags(rawValue: 0x08)
            static let ack = Flags(rawValue: 0x10)
            static let ece = Flags(rawValue: 0x40)
            static let cwr = Flags(rawValue: 0x80)
        }

        var source: UInt16
        var destination: UInt16
        var flags: Flags
        var options: [UInt8] = []
        var payload: [UInt8] = []
    }

    struct Datagram: Sendable {
        var source: UInt16
        var destination: UInt16
        var payload: [UInt8] = []
        /// Of header and payload; nil: as it is.
        var length: UInt16?
        /// UDP may go without a checksum.
        var hasChecksum = true
    }

    /// Of ICMP or ICMPv6.
    struct Message: Sendable {
        var type: UInt8
        var code: UInt8 = 0
        var rest: UInt32 = 0
        var payload: [UInt8] = []
    }

    func number(isIPv4: Bool) -> UInt8 {
        switch self {
        case .tcp: 6
        case .udp: 17
        case .icmp: isIPv4 ? 1 : 58
        case .raw(let number, _): number
        }
    }

    var ports: (source: UInt16, destination: UInt16)? {
        switch self {
        case .tcp(let segment): (segment.source, segment.destination)
        case .udp(let datagram): (datagram.source, datagram.destination)
        case .icmp, .raw: nil
        }
    }

    /// Header and payload with the right checksum between these addresses.
    func bytes(from source: IPAddress, to destination: IPAddress) -> [UInt8] {
        let isIPv4 = destination.isIPv4
        var bytes: [UInt8]
        let place: Int
        switch self {
        case .tcp(let segment):
            bytes = segment.bytes
            place = 16
        case .udp(let datagram):
            bytes = datagram.bytes
            guard datagram.hasChecksum else { return bytes }
            place = 6
        case .icmp(let message):
            bytes = [message.type, message.code, 0, 0] + [UInt8](message.rest) + message.payload
            place = 2
        case .raw(_, let bytes): return bytes
        }
        var covered = bytes
        if case .icmp = self, isIPv4 {
        } else {
            covered =
                source.wire + destination.wire + [UInt8](UInt32(bytes.count))
                + [0, 0, 0, number(isIPv4: isIPv4)] + bytes
        }
        bytes.set(covered.checksum, at: place)
        return bytes
    }
}

extension Transport.Segment {
    fileprivate var bytes: [UInt8] {
        let words = UInt8(5 + options.count / 4)
        return [UInt8](source) + [UInt8](destination) + [UInt8](UInt32(0x0102_0304)) + [UInt8](UInt32(0x0506_0708))
            + [words << 4, flags.rawValue] + [UInt8](UInt16(0x7210)) + [0, 0, 0, 0] + options + payload
    }
}

extension Transport.Datagram {
    fileprivate var bytes: [UInt8] {
        [UInt8](source) + [UInt8](destination) + [UInt8](length ?? UInt16(8 + payload.count)) + [0, 0] + payload
    }
}

extension IPAddress {
    /// Four bytes or sixteen, as in a header.
    var wire: [UInt8] { isIPv4 ? Array(bytes.suffix(4)) : bytes }
}
