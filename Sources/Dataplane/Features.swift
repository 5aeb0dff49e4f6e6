// SPDX-License-Identifier: Apache-2.0

import BPF
import CDataplane
import Model

/// What a build of the program contains; what is not used is not in it.
public struct Features: OptionSet, Hashable, Sendable {
    public let rawValue: UInt32

    public init(rawValue: UInt32) { self.rawValue = rawValue }

    public static let ipv4 = Features(rawValue: 1 << 0)
    public static let ipv6 = Features(rawValue: 1 << 1)
    public static let ipip = Features(rawValue: 1 << 2)
    public static let gue = Features(rawValue: 1 << 3)
    public static let l2 = Features(rawValue: 1 << 4)
    public static let tracking = Features(rawValue: 1 << 5)
    public static let access = Features(rawValue: 1 << 6)
    public static let anyPort = Features(rawValue: 1 << 7)
    public static let sourceIP = Features(rawValue: 1 << 8)
    public static let redirect = Features(rawValue: 1 << 9)
    public static let fragments = Features(rawValue: 1 << 10)
    public static let coarseClock = Features(rawValue: 1 << 11)
    public static let handover = Features(rawValue: 1 << 12)

    /// By bit: the macro of `bpf/maps.h`, and the word for people.
    private static let names: [(macro: String, word: String)] = [
        ("IPV4", "IPv4"), ("IPV6", "IPv6"), ("IPIP", "IPIP"), ("GUE", "GUE"), ("L2", "L2"), ("TRACKING", "tracking"),
        ("ACCESS", "access lists"), ("ANY_PORT", "any port"), ("SOURCE_IP", "source IP"), ("REDIRECT", "redirect"),
        ("FRAGS", "jumbo frames"), ("COARSE_CLOCK", "coarse clock"),
        ("HANDOVER", "handover"),
    ]

    public static let all = Features(rawValue: 1 << UInt32(names.count) - 1)

    /// All that a program may contain on such a kernel.
    public static func supported(by kernel: KernelFeatures) -> Features {
        var features = all
        if !kernel.coarseClock { features.remove(.coarseClock) }
        if !kernel.xdpFragments { features.remove(.fragments) }
        return features
    }

    /// What the compiler is told: every feature with 1 or 0.
    public var defines: [(String, String)] {
        Self.names.indices.map { ("FEATURE_\(Self.names[$0].macro)", rawValue & 1 << UInt32($0) != 0 ? "1" : "0") }
    }
}

extension Features: CustomStringConvertible {
    /// `IPv4, IPIP, tracking`.
    public var description: String {
        Self.names.indices.filter { rawValue & 1 << UInt32($0) != 0 }.map { Self.names[$0].word }
            .joined(separator: ", ")
    }
}

extension Features {
    /// What a generation needs on a host.
    ///
    /// - Parameter kernel: what it lacks is left out.
    public static func needed(by generation: Generation, on host: HostView, kernel: KernelFeatures) throws -> Features {
        needed(by: try MapImage.image(of: generation, on: host), kernel: kernel)
    }

    static func needed(by image: MapImage, kernel: KernelFeatures) -> Features {
        // Any change makes slots unsettled, and nobody wants a new program for each.
        var features: Features = [.tracking]
        for service in image.services { features.formUnion(needed(by: service)) }
        if !image.ports.interfaces.isEmpty { features.insert(.redirect) }
        if kernel.xdpFragments, image.view.interfaces.contains(where: { $0.mtu > largestLinear }) {
            features.insert(.fragments)
        }
        if kernel.coarseClock { features.insert(.coarseClock) }
        return features
    }

    private static func needed(by image: ServiceImage) -> Features {
        let service = image.placed.service
        var features: Features = service.vip.address.isIPv4 ? [.ipv4] : [.ipv6]
        switch service.forwarding {
        case .ipip: features.insert(.ipip)
        case .gue: features.insert(.gue)
        case .l2: features.insert(.l2)
        case .local, .sockets: break
        }
        if UInt32(image.vip.flags) & VIP_ACCESS.rawValue != 0 { features.insert(.access) }
        if UInt32(image.vip.flags) & VIP_HANDOVER.rawValue != 0 { features.insert(.handover) }
        if service.vip.port == 0 { features.insert(.anyPort) }
        if service.flowKey == .sourceIP { features.insert(.sourceIP) }
        return features
    }

    /// The largest MTU whose frames drivers keep in one page beside headroom and tail.
    private static let largestLinear: UInt16 = 3400
}
