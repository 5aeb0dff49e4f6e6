// SPDX-License-Identifier: Apache-2.0

import Diagnosis
import Glibc
import Model

/// The addresses of this host with their networks: getifaddrs(3).
enum OwnAddresses {
    static func list() -> [Facts.OwnAddress] {
        var first: UnsafeMutablePointer<ifaddrs>?
        guard getifaddrs(&first) == 0 else { return [] }
        defer { freeifaddrs(first) }
        return sequence(first: first, next: { $0?.pointee.ifa_next.map { Optional($0) } }).compactMap { entry in
            entry.flatMap { own($0.pointee) }
        }
    }

    private static func own(_ entry: ifaddrs) -> Facts.OwnAddress? {
        guard let address = entry.ifa_addr.flatMap(number), let mask = entry.ifa_netmask.flatMap(number) else {
            return nil
        }
        // A mask is ones from the left; those of an IPv4 mask stand behind the 96 bits of the v4-mapped form.
        let ones = address.isIPv4 ? mask.v4Bits.nonzeroBitCount : mask.high.nonzeroBitCount + mask.low.nonzeroBitCount
        guard let network = IPPrefix(address, length: ones) else { return nil }
        return Facts.OwnAddress(interface: String(cString: entry.ifa_name), address: address, network: network)
    }

    private static func number(_ socket: UnsafeMutablePointer<sockaddr>) -> IPAddress? {
        let bytes = UnsafeRawPointer(socket)
        switch Int32(socket.pointee.sa_family) {
        case AF_INET:
            let address = bytes.loadUnaligned(as: sockaddr_in.self).sin_addr.s_addr
            return IPAddress(v4: UInt32(bigEndian: address))
        case AF_INET6:
            return withUnsafeBytes(of: bytes.loadUnaligned(as: sockaddr_in6.self).sin6_addr) { address in
                IPAddress(
                    high: UInt64(bigEndian: address.loadUnaligned(as: UInt64.self)),
                    low: UInt64(bigEndian: address.loadUnaligned(fromByteOffset: 8, as: UInt64.self)))
            }
        default: return nil
        }
    }
}
