// SPDX-License-Identifier: Apache-2.0

import Model
import Relay

/// Why a sniffing listener gives a connection to nobody.
public enum SniffRefusal: String, CaseIterable {
    /// It is neither TLS nor HTTP, and there is no service for such.
    case unknownProtocol
    /// It has not said enough in time, and there is no service for such.
    case silent
    /// It is TLS that asks for a name that passes through to nobody, and ends nowhere here.
    case unknownName
    /// The process has no descriptor, place or memory left.
    case exhausted
}

/// Where the connections of one sniffing listener go. A pure value.
public struct SniffPlaces {
    public enum Place: Hashable {
        /// To the listener's routes, after the handshake where it speaks TLS.
        case http(secure: Bool)
        /// As it is to the service of this VIP.
        case service(VIP)
        case refused(SniffRefusal)
    }

    private var exact: [String: VIP] = [:]
    /// By what follows `*.`.
    private var under: [String: VIP] = [:]
    private let raw: VIP?
    private let endsTLS: Bool

    /// - Parameter vips: of the services, by name.
    public init(_ listener: Listener, _ vips: [String: VIP]) {
        for passage in listener.sniffing?.passages ?? [] {
            if passage.host.hasPrefix("*.") {
                under[String(passage.host.dropFirst(2))] = vips[passage.service]
            } else {
                exact[passage.host] = vips[passage.service]
            }
        }
        raw = listener.sniffing?.raw.flatMap { vips[$0] }
        endsTLS = listener.tls != nil
    }

    public func place(of speech: SniffedSpeech) -> Place {
        switch speech {
        case .http: .http(secure: false)
        case .raw: raw.map(Place.service) ?? .refused(.unknownProtocol)
        case .undecided: raw.map(Place.service) ?? .refused(.silent)
        case .tls(let name):
            if let vip = name.flatMap(passage) {
                .service(vip)
            } else {
                endsTLS ? .http(secure: true) : raw.map(Place.service) ?? .refused(.unknownName)
            }
        }
    }

    /// The exact name's, else that of the longest name that it lies under.
    private func passage(of name: String) -> VIP? {
        if let vip = exact[name] { return vip }
        guard !under.isEmpty else { return nil }
        var rest = name[...]
        while let dot = rest.firstIndex(of: ".") {
            rest = rest[rest.index(after: dot)...]
            if let vip = under[String(rest)] { return vip }
        }
        return nil
    }
}
