// SPDX-License-Identifier: Apache-2.0

/// A service on one line, as tests, logs and the command-line tool write it:
/// `10.0.0.1:443/tcp -> a:8443 w2, b:8443 draining`.
///
/// A backend is its name and what departs from the rule: `:port` where it is not the VIP's, `#id`, `@address`, `w` and
/// the weight where it is not 1, `draining` or `down`. A name that is itself an address and a port, as a static entry
/// without a name has it, says both: `10.0.1.4:8443`. Names with spaces or commas are written, but do not read back.
public struct Notation: Hashable, Sendable {
    public enum State: String, Hashable, Sendable, CaseIterable {
        case active, draining, down
    }

    public struct Item: Hashable, Sendable {
        public var name: String
        public var port: UInt16
        public var id: BackendID?
        public var address: IPAddress?
        public var weight: UInt32
        public var state: State

        public init(
            name: String, port: UInt16, id: BackendID? = nil, address: IPAddress? = nil, weight: UInt32 = 1,
            state: State = .active
        ) {
            self.name = name
            self.port = port
            self.id = id
            self.address = address
            self.weight = weight
            self.state = state
        }
    }

    public var vip: VIP
    public var backends: [Item]

    public init(vip: VIP, backends: [Item]) {
        self.vip = vip
        self.backends = backends
    }

    /// A service of a generation, with what this host's probes see down.
    ///
    /// - Parameter places: with ids and addresses.
    public init(_ service: PlacedService, down: Set<BackendID> = [], places: Bool = false) {
        vip = service.service.vip
        backends = service.backends.map { placed in
            let state: State =
                switch placed.state {
                case .draining: .draining
                case .active: down.contains(placed.id) ? .down : .active
                }
            return Item(
                name: placed.backend.name, port: placed.backend.port, id: places ? placed.id : nil,
                address: places ? placed.backend.address : nil, weight: placed.backend.weight, state: state)
        }
    }

    /// The backends that it says are wanted: those that do not drain. One without an address has `address(of:)`.
    public var wanted: [Backend] {
        backends.filter { $0.state != .draining }.map { item in
            let address = item.address ?? Self.address(of: item.name, like: vip.address)
            return Backend(name: item.name, address: address, port: item.port, weight: item.weight)
        }
    }

    /// An address that stands for a name in examples: in 10.0.0.0/8 or 2001:db8::/32, always the same for one name.
    public static func address(of name: String, like other: IPAddress) -> IPAddress {
        let hash = NameHash.hash(name, seed: 0)
        guard other.isIPv4 else { return IPAddress(high: 0x2001_0db8_0000_0000, low: hash) }
        return IPAddress(v4: 10 << 24 | UInt32(truncatingIfNeeded: hash >> 40))
    }
}

extension Notation: LosslessStringConvertible {
    /// Nil for text that is no service.
    public init?(_ text: String) {
        let parts = text.split(separator: " ", maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count >= 2, parts[1] == "->", let vip = VIP(String(parts[0])) else { return nil }
        self.init(vip: vip, backends: [])
        guard parts.count == 3 else { return }
        for text in parts[2].split(separator: ",", omittingEmptySubsequences: false) {
            guard let item = Item(text, vipPort: vip.port) else { return nil }
            backends.append(item)
        }
    }

    /// Without backends it ends with the arrow.
    public var description: String {
        guard !backends.isEmpty else { return "\(vip) ->" }
        return "\(vip) -> " + backends.map { $0.text(vipPort: vip.port) }.joined(separator: ", ")
    }
}

extension Notation.Item {
    fileprivate init?(_ text: Substring, vipPort: UInt16) {
        let words = text.split(separator: " ")
        guard let first = words.first else { return nil }
        self.init(head: first, vipPort: vipPort)
        for word in words.dropFirst() {
            let rest = word.dropFirst()
            if let state = Notation.State(rawValue: String(word)) {
                self.state = state
            } else if word.hasPrefix("w"), let weight = Numerals.decimal(rest, max: UInt64(Backend.maximumWeight)) {
                self.weight = UInt32(weight)
            } else if word.hasPrefix("#"), let id = Numerals.decimal(rest, max: UInt64(UInt16.max)) {
                self.id = BackendID(rawValue: UInt16(id))
            } else if word.hasPrefix("@"), let address = IPAddress(String(rest)) {
                self.address = address
            } else {
                return nil
            }
        }
    }

    /// Name and port.
    private init(head: Substring, vipPort: UInt16) {
        self.init(name: String(head), port: vipPort)
        guard let colon = head.lastIndex(of: ":"),
            let port = Numerals.decimal(head[head.index(after: colon)...], max: 65535), colon != head.startIndex
        else { return }
        self.port = UInt16(port)
        let host = head[..<colon]
        let bracketed = host.first == "[" && host.last == "]" && host.count > 1
        if let address = IPAddress(String(bracketed ? host.dropFirst().dropLast() : host)),
            address.isIPv4 == !bracketed
        {
            self.address = address
        } else {
            name = String(host)
        }
    }

    fileprivate func text(vipPort: UInt16) -> String {
        let bare = Self(head: name[...], vipPort: vipPort)
        let saysAll = bare.name == name && bare.port == port
        var words = [saysAll ? name : "\(name):\(port)"]
        if let id { words.append("#\(id.rawValue)") }
        if let address, !saysAll || address != bare.address { words.append("@\(address)") }
        if weight != 1 { words.append("w\(weight)") }
        if state != .active { words.append(state.rawValue) }
        return words.joined(separator: " ")
    }
}
