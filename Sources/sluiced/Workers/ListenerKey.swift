// SPDX-License-Identifier: Apache-2.0

import Model

/// What one listening socket is for.
struct ListenerKey: Codable, Hashable, Sendable {
    /// Who in a worker takes what comes by it.
    enum Kind: String, Codable, Hashable, Sendable {
        case relay
        case http
        case sniff
    }

    let kind: Kind
    let vip: VIP

    init(_ kind: Kind, _ vip: VIP) {
        self.kind = kind
        self.vip = vip
    }

    init(_ listener: Listener) { self.init(listener.sniffing == nil ? .http : .sniff, listener.bind) }

    private enum CodingKeys: String, CodingKey { case kind, vip }

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        kind = try container.decode(Kind.self, forKey: .kind)
        let text = try container.decode(String.self, forKey: .vip)
        guard let vip = VIP(text) else {
            throw DecodingError.dataCorruptedError(forKey: .vip, in: container, debugDescription: "\(text) is no VIP")
        }
        self.vip = vip
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(kind, forKey: .kind)
        try container.encode("\(vip)", forKey: .vip)
    }
}

extension ListenerKey: Comparable {
    static func < (one: ListenerKey, other: ListenerKey) -> Bool {
        (one.vip, one.kind.rawValue) < (other.vip, other.kind.rawValue)
    }
}
