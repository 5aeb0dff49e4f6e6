// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc

/// An IPv4 or IPv6 address with a port. The address is 128 bits as two numbers, an IPv4 address v4-mapped.
public struct SocketAddress: Hashable, Sendable {
    public let high: UInt64
    public let low: UInt64
    public let port: UInt16
    /// The interface of a link-local IPv6 address; 0 for none.
    public let scope: UInt32

    public init(high: UInt64, low: UInt64, port: UInt16, scope: UInt32 = 0) {
        self.high = high
        self.low = low
        self.port = port
        self.scope = scope
    }

    public init(v4 bits: UInt32, port: UInt16) {
        self.init(high: 0, low: 0xffff_0000_0000 | UInt64(bits), port: port)
    }

    /// 127.0.0.1.
    public static func loopback(port: UInt16) -> SocketAddress { SocketAddress(v4: 0x7f00_0001, port: port) }

    public var isIPv4: Bool { high == 0 && low >> 32 == 0xffff }

    /// AF_INET or AF_INET6.
    public var family: Int32 { isIPv4 ? AF_INET : AF_INET6 }

    /// Calls `body` with the address as the kernel wants it.
    func withNative<Answer>(_ body: (UnsafePointer<sockaddr_storage>, socklen_t) -> Answer) -> Answer {
        var storage = sockaddr_storage()
        let length = linux_sockaddr_fill(&storage, high, low, port, scope)
        return body(&storage, length)
    }

    /// Nil where the kernel's answer is neither IPv4 nor IPv6.
    init?(native storage: sockaddr_storage) {
        var storage = storage
        var (high, low, port, scope) = (UInt64(0), UInt64(0), UInt16(0), UInt32(0))
        guard linux_sockaddr_read(&storage, &high, &low, &port, &scope) == 0 else { return nil }
        self.init(high: high, low: low, port: port, scope: scope)
    }
}

extension SocketAddress: CustomStringConvertible {
    /// `10.0.0.1:80`, `[2001:db8:0:0:0:0:0:1]:80`.
    public var description: String {
        if isIPv4 {
            let octets = stride(from: 24, through: 0, by: -8).map { String(low >> UInt64($0) & 0xff) }
            return octets.joined(separator: ".") + ":\(port)"
        }
        let words = [high, low].flatMap { half in
            stride(from: 48, through: 0, by: -16).map { String(half >> UInt64($0) & 0xffff, radix: 16) }
        }
        return "[" + words.joined(separator: ":") + "]:\(port)"
    }
}
