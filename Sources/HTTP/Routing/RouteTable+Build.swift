// SPDX-License-Identifier: Apache-2.0

extension RouteTable {
    /// A table of rules without duplicates; of two that are the same the first one counts.
    init(_ rules: [RouteRule]) {
        var build = RouteTableBuild(rules)
        build.run()
        texts = FlatArray(build.texts)
        hosts = FlatArray(build.hosts)
        hostFinder = FlatArray(RouteTableBuild.finder(build.hosts.map(\.hash)))
        paths = FlatArray(build.paths)
        pathFinder = FlatArray(RouteTableBuild.finder(build.paths.map(\.hash)))
        prefixLengths = FlatArray(build.prefixLengths)
        self.rules = FlatArray(build.compiled)
        conditions = FlatArray(build.conditions)
        targets = FlatArray(build.targets)
        anyHost = build.anyHost
    }
}

/// Lays rules out host by host, path by path.
private struct RouteTableBuild {
    private let rules: [RouteRule]
    var texts: [UInt8] = []
    var hosts: [RouteTable.HostEntry] = []
    var paths: [RouteTable.PathEntry] = []
    var prefixLengths: [Int32] = []
    var compiled: [RouteTable.Rule] = []
    var conditions: [RouteTable.Condition] = []
    var targets: [RouteTable.Share] = []
    var anyHost = -1

    init(_ rules: [RouteRule]) { self.rules = rules }

    mutating func run() {
        let indices = rules.indices
        for (host, own) in Self.grouped(indices, by: { rules[$0].host }) {
            let number = hosts.count
            if host == .any { anyHost = number }
            hosts.append(entry(host, lengths: own))
            for (path, same) in Self.grouped(own, by: { rules[$0].path }) { add(path, same, host: number) }
        }
    }

    /// Indices that have the same key, in the order in which the keys first come.
    private static func grouped<Key: Hashable>(
        _ indices: some Sequence<Int>, by key: (Int) -> Key
    ) -> [(Key, [Int])] {
        var order: [Key] = []
        var groups: [Key: [Int]] = [:]
        for index in indices {
            let key = key(index)
            if groups[key] == nil { order.append(key) }
            groups[key, default: []].append(index)
        }
        return order.map { ($0, groups[$0] ?? []) }
    }

    private mutating func entry(_ host: RouteRule.Host, lengths own: [Int]) -> RouteTable.HostEntry {
        var name = ""
        var isEnding = false
        switch host {
        case .any: break
        case .exact(let text): name = text
        case .under(let text): (name, isEnding) = (text, true)
        }
        var lengths: Set<Int32> = []
        var hasExactPaths = false
        for index in own {
            switch rules[index].path {
            case .exact: hasExactPaths = true
            case .prefix(let text): lengths.insert(Int32(text.utf8.count))
            }
        }
        let bytes = Array(name.utf8)
        // No name is empty: whoever looks for a name never finds the host that stands for any.
        let hash = bytes.withUnsafeBufferPointer { RouteHost.hash($0, isEnding: isEnding) }
        let first = Int32(prefixLengths.count)
        prefixLengths += lengths.filter { $0 > 0 }.sorted()
        return RouteTable.HostEntry(
            text: text(name), isEnding: isEnding, hash: hash, firstLength: first,
            lengthCount: Int32(prefixLengths.count) - first, hasExactPaths: hasExactPaths)
    }

    private mutating func add(_ path: RouteRule.Path, _ same: [Int], host: Int) {
        let name: String
        let isExact: Bool
        switch path {
        case .exact(let text): (name, isExact) = (text, true)
        case .prefix(let text): (name, isExact) = (text, false)
        }
        let bytes = Array(name.utf8)
        let hash = bytes.withUnsafeBufferPointer { RoutePath.hash($0, $0.count, host: host) }
        let first = compiled.count
        var seen: Set<RouteRule.Key> = []
        let order = same.sorted { (rules[$1].demands, $0) < (rules[$0].demands, $1) }
        for index in order where seen.insert(rules[index].key).inserted { add(rule: index) }
        paths.append(
            RouteTable.PathEntry(
                host: Int32(host), text: text(name), isExact: isExact, hash: hash, firstRule: Int32(first),
                ruleCount: Int32(compiled.count - first)))
    }

    private mutating func add(rule index: Int) {
        let rule = rules[index]
        let firstCondition = Int32(conditions.count)
        for header in rule.headers {
            let bytes = Array(header.name.utf8) + [0]
            let known = bytes.withUnsafeBufferPointer { name in
                name.baseAddress.map {
                    Tables.shared.names.name($0, bytes.count - 1, hash: FieldHash.hash($0, bytes.count - 1))
                } ?? .other
            }
            conditions.append(
                RouteTable.Condition(
                    name: text(header.name), known: known, value: text(header.value ?? ""),
                    isPresence: header.value == nil))
        }
        let firstTarget = Int32(targets.count)
        targets += rule.targets.map { RouteTable.Share(service: Int32($0.service), weight: $0.weight) }
        compiled.append(
            RouteTable.Rule(
                number: Int32(index), method: text(rule.method ?? ""), firstCondition: firstCondition,
                conditionCount: Int32(rule.headers.count), firstTarget: firstTarget,
                targetCount: Int32(rule.targets.count), weight: rule.targets.reduce(0) { $0 + UInt64($1.weight) }))
    }

    private mutating func text(_ string: String) -> RouteTable.Text {
        let start = texts.count
        texts += Array(string.utf8)
        return RouteTable.Text(start: Int32(start), count: Int32(texts.count - start))
    }

    /// Places by hash, at most half of them taken; -1: none.
    static func finder(_ hashes: [UInt32]) -> [Int32] {
        var size = 2
        while size < hashes.count * 2 { size *= 2 }
        var places = [Int32](repeating: -1, count: size)
        for (index, hash) in hashes.enumerated() {
            var place = Int(hash) & (size - 1)
            while places[place] >= 0 { place = (place + 1) & (size - 1) }
            places[place] = Int32(index)
        }
        return places
    }
}
