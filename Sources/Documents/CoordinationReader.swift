// SPDX-License-Identifier: Apache-2.0

/// The `coordination` of a host's document. Which keys there are depends on the store.
struct CoordinationReader {
    private static let shared = ["store", "fleet", "candidate", "lease", "renew", "retry", "address", "tls"]
    private static let own: [StoreName: [String]] = [
        .etcd: ["user", "password-file"], .redis: ["user", "password-file", "sentinel"],
        .consul: ["token-file", "datacenter", "namespace", "partition"],
    ]

    let reader: Reader

    func coordination() -> CoordinationSettings? {
        guard case .mapping = reader.kind, let name = storeName() else { return unread() }
        guard name != .local else {
            _ = Fields(reader, of: "'coordination' with store local", keys: ["store"])
            return CoordinationSettings()
        }
        let keys = Self.shared + (Self.own[name] ?? [])
        guard let fields = Fields(reader, of: "'coordination' with store \(name)", keys: keys) else { return nil }
        var result = CoordinationSettings()
        result.store = store(name, fields)
        result.fleet = fields["fleet"]?.word(lengthMax: 64, NameRule.key) ?? result.fleet
        result.candidate = fields["candidate"]?.bool() ?? result.candidate
        result.lease = lease(fields)
        return result
    }

    /// Which store is named, before it is known what else may stand there.
    private func storeName() -> StoreName? {
        guard case .mapping(let pairs) = reader.kind else { return nil }
        for (key, value) in pairs {
            guard case .scalar(let scalar) = key, reader.composition.text(scalar) == "store" else { continue }
            guard case .text(let text)? = reader.child(value, name: "store")?.kind else { return nil }
            return StoreName(rawValue: text)
        }
        return pairs.isEmpty ? .local : nil
    }

    /// No mapping, or of no store that there is: says so, and checks the names of all keys that there could be.
    private func unread() -> CoordinationSettings? {
        let keys = Self.shared + StoreName.allCases.flatMap { Self.own[$0] ?? [] }
        let fields = Fields(reader, of: "'coordination'", keys: keys)
        _ = fields?.required("store")?.choice(StoreName.self)
        return nil
    }

    private func store(_ name: StoreName, _ fields: Fields) -> CoordinationSettings.Store {
        switch name {
        case .local: .local
        case .etcd: .etcd(etcd(fields))
        case .redis: .redis(redis(fields))
        case .consul: .consul(ConsulAccess(fields))
        }
    }

    private func etcd(_ fields: Fields) -> EtcdAccess {
        var access = EtcdAccess()
        access.addresses = fields["address"]?.addresses(["http", "https"], port: 2379) ?? access.addresses
        access.user = fields["user"]?.word(lengthMax: 255, NameRule.request)
        access.passwordFile = fields["password-file"]?.absolutePath()
        if let reader = fields["tls"] { access.tls = TLSPaths(reader) ?? access.tls }
        Self.require(fields, ["user", "password-file"])
        Self.refuseUnusedTLS(fields, access.addresses)
        return access
    }

    private func redis(_ fields: Fields) -> RedisAccess {
        var access = RedisAccess()
        if let reader = fields["address"] { read(reader, isSentinel: fields["sentinel"] != nil, into: &access) }
        access.user = fields["user"]?.word(lengthMax: 255, NameRule.request)
        access.passwordFile = fields["password-file"]?.absolutePath()
        if fields["user"] != nil { Self.require(fields, ["user", "password-file"]) }
        access.tls = fields["tls"].flatMap { TLSPaths($0) }
        access.sentinelMaster = fields["sentinel"]?.word(lengthMax: 255, NameRule.request)
        return access
    }

    /// One address, or with `sentinel` a list of them.
    private func read(_ reader: Reader, isSentinel: Bool, into access: inout RedisAccess) {
        guard case .list(let nodes) = reader.kind else {
            access.address = reader.hostPort() ?? access.address
            return
        }
        guard isSentinel, !nodes.isEmpty else {
            return reader.problem(
                isSentinel
                    ? "at least one address is needed"
                    : "a list is of sentinels: name the master with 'sentinel: NAME', or write one address")
        }
        let addresses = reader.elements(of: "addresses").compactMap { $0.hostPort() }
        guard let first = addresses.first else { return }
        access.address = first
        access.otherSentinels = Array(addresses.dropFirst())
    }

    private func lease(_ fields: Fields) -> LeaseTimes {
        let range = Duration.milliseconds(100) ... .seconds(3_600)
        var times = LeaseTimes()
        if let lease = fields["lease"]?.duration(range) {
            // In the proportions of the defaults, where no more is said.
            times.lease = lease
            times.renew = lease * 2 / 3
            times.retry = lease / 7
        }
        times.renew = fields["renew"]?.duration(range) ?? times.renew
        times.retry = fields["retry"]?.duration(range) ?? times.retry
        // The rule is that of Coordination's LeaseTiming, which knows no places.
        if times.renew >= times.lease, let culprit = fields["renew"] ?? fields["lease"] {
            culprit.problem("the lease of \(DurationText.text(times.lease)) has to be longer than the time to renew it")
        }
        if times.renew * 5 <= times.retry * 6, let culprit = fields["retry"] ?? fields["renew"] ?? fields["lease"] {
            culprit.problem(
                "the time to renew, \(DurationText.text(times.renew)), has to be longer than 1.2 times the retry")
        }
        return times
    }

    /// Both or none.
    private static func require(_ fields: Fields, _ pair: [String]) {
        let given = pair.filter { fields[$0] != nil }
        guard given.count == 1 else { return }
        for key in pair { _ = fields.required(key) }
    }

    static func refuseUnusedTLS(_ fields: Fields, _ addresses: [String]) {
        guard !addresses.contains(where: { $0.hasPrefix("https:") }) else { return }
        fields["tls"]?.problem("no address begins with https://")
    }
}

extension ConsulAccess {
    /// From the keys `address`, `token-file`, `tls`, `datacenter`, `namespace` and `partition`.
    init(_ fields: Fields) {
        self.init()
        addresses = fields["address"]?.addresses(["http", "https", "unix"], port: 8500) ?? addresses
        tokenFile = fields["token-file"]?.absolutePath()
        if let reader = fields["tls"] { tls = TLSPaths(reader, serverName: true) ?? tls }
        datacenter = fields["datacenter"]?.word(lengthMax: 64, NameRule.key)
        namespace = fields["namespace"]?.word(lengthMax: 64, NameRule.key)
        partition = fields["partition"]?.word(lengthMax: 64, NameRule.key)
        CoordinationReader.refuseUnusedTLS(fields, addresses)
    }
}

extension TLSPaths {
    /// - Parameter serverName: whether that key is known here.
    init?(_ reader: Reader, serverName hasName: Bool = false) {
        let keys = ["ca", "cert", "key"] + (hasName ? ["server-name"] : [])
        guard let fields = Fields(reader, of: "'tls'", keys: keys) else { return nil }
        self.init()
        authority = fields["ca"]?.absolutePath()
        certificate = fields["cert"]?.absolutePath()
        key = fields["key"]?.absolutePath()
        serverName = fields["server-name"]?.word(lengthMax: 253, NameRule.host)
        if (fields["cert"] == nil) != (fields["key"] == nil) {
            for key in ["cert", "key"] { _ = fields.required(key) }
        }
    }
}

extension Reader {
    /// URLs, one or a list of them: scheme, host and port, and nothing behind.
    ///
    /// - Parameter port: the usual one, for an example.
    func addresses(_ schemes: [String], port: Int) -> [String]? {
        guard case .list(let nodes) = kind else { return address(schemes, port).map { [$0] } }
        if nodes.isEmpty { problem("at least one address is needed") }
        let readers = elements(of: "addresses")
        let addresses = readers.compactMap { $0.address(schemes, port) }
        return addresses.isEmpty ? nil : addresses
    }

    private func address(_ schemes: [String], _ port: Int) -> String? {
        guard case .text(let text) = kind, Self.isAddress(text, schemes) else {
            expected("an address such as \(schemes[0])://10.0.0.1:\(port), of \(Words.either(schemes))")
            return nil
        }
        return text
    }

    private static func isAddress(_ text: String, _ schemes: [String]) -> Bool {
        guard let scheme = schemes.first(where: { text.hasPrefix("\($0)://") }) else { return false }
        let rest = text.dropFirst(scheme.count + 3)
        if scheme == "unix" { return rest.hasPrefix("/") && rest.count > 1 }
        let place = rest.hasSuffix("/") ? rest.dropLast() : rest
        return HostPort(String(place)) != nil || HostPort("\(place):1") != nil
    }

    fileprivate func hostPort() -> HostPort? {
        guard case .text(let text) = kind, let address = HostPort(text) else {
            expected("a host and a port such as 10.0.0.1:6379")
            return nil
        }
        return address
    }
}
