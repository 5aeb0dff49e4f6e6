// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Finds the route of a request: made once from all rules, read without allocation or lock.
///
/// The most particular host that has a route for the request decides: its own name, then `*.` before the longest
/// ending, then any. Within a host an exact path goes before prefixes, a longer prefix before a shorter one, and for
/// one path the rule that asks for more, method before headers. A rule whose method or headers do not fit is as if it
/// were not there.
struct RouteTable: ~Copyable {
    let texts: FlatArray<UInt8>
    let hosts: FlatArray<HostEntry>
    let hostFinder: FlatArray<Int32>
    let paths: FlatArray<PathEntry>
    let pathFinder: FlatArray<Int32>
    /// Of each host in turn, in rising order.
    let prefixLengths: FlatArray<Int32>
    let rules: FlatArray<Rule>
    let conditions: FlatArray<Condition>
    let targets: FlatArray<Share>
    /// Of the host that stands for any; -1: there is none.
    let anyHost: Int

    struct Text: BitwiseCopyable {
        var start: Int32
        var count: Int32
    }

    struct HostEntry: BitwiseCopyable {
        var text: Text
        var isEnding: Bool
        var hash: UInt32
        /// A range of `prefixLengths`.
        var firstLength: Int32
        var lengthCount: Int32
        var hasExactPaths: Bool
    }

    struct PathEntry: BitwiseCopyable {
        var host: Int32
        var text: Text
        var isExact: Bool
        var hash: UInt32
        var firstRule: Int32
        var ruleCount: Int32
    }

    struct Rule: BitwiseCopyable {
        /// Among the rules that the table was made from.
        var number: Int32
        /// Empty: any.
        var method: Text
        var firstCondition: Int32
        var conditionCount: Int32
        var firstTarget: Int32
        var targetCount: Int32
        var weight: UInt64
    }

    struct Condition: BitwiseCopyable {
        var name: Text
        var known: FieldName
        var value: Text
        var isPresence: Bool
    }

    struct Share: BitwiseCopyable {
        var service: Int32
        var weight: UInt32
    }

    /// The rule for a request; nil: there is none.
    ///
    /// - Parameter authority: with or without a port, in any case.
    /// - Parameter path: as `RoutePath.normalised` answers it.
    func rule(
        authority: UnsafeBufferPointer<UInt8>, path: UnsafeBufferPointer<UInt8>,
        method: UnsafeBufferPointer<UInt8>, _ section: borrowing FieldSection
    ) -> Int? {
        let host = RouteHost.name(authority)
        if let entry = find(host, isEnding: false), let rule = rule(entry, path, method, section) { return rule }
        var at = 0
        while let dot = RouteHost.dot(host, from: at) {
            at = dot &+ 1
            let ending = UnsafeBufferPointer(rebasing: host[at...])
            if let entry = find(ending, isEnding: true), let rule = rule(entry, path, method, section) { return rule }
        }
        return anyHost >= 0 ? rule(anyHost, path, method, section) : nil
    }

    /// The service that a request of this hash goes to, by weight; nil: all weights are 0.
    ///
    /// - Parameter hash: evenly spread over all 64 bits.
    func service(of rule: Int, hash: UInt64) -> Int? {
        let rule = rules[rule]
        // Below the sum of all weights.
        var rest = rule.weight.multipliedFullWidth(by: hash).high
        for share in targets.slice(Int(rule.firstTarget), Int(rule.targetCount)) {
            if rest < UInt64(share.weight) { return Int(share.service) }
            rest &-= UInt64(share.weight)
        }
        return nil
    }

    /// The number of the rule among those that the table was made from.
    func number(of rule: Int) -> Int { Int(rules[rule].number) }

    @inline(__always)
    func text(_ text: Text) -> UnsafeBufferPointer<UInt8> { texts.slice(Int(text.start), Int(text.count)) }

    // MARK: Finding

    private func find(_ name: UnsafeBufferPointer<UInt8>, isEnding: Bool) -> Int? {
        guard hosts.count > 0 && !name.isEmpty else { return nil }
        let hash = RouteHost.hash(name, isEnding: isEnding)
        var place = Int(hash) & (hostFinder.count &- 1)
        // Ends: at most half of the finder is taken.
        while case let index = Int(hostFinder[place]), index >= 0 {
            let entry = hosts[index]
            if entry.hash == hash && entry.isEnding == isEnding
                && FieldText.equalIgnoringCase(name, text(entry.text))
            {
                return index
            }
            place = (place &+ 1) & (hostFinder.count &- 1)
        }
        return nil
    }

    private func rule(
        _ host: Int, _ path: UnsafeBufferPointer<UInt8>, _ method: UnsafeBufferPointer<UInt8>,
        _ section: borrowing FieldSection
    ) -> Int? {
        let entry = hosts[host]
        if entry.hasExactPaths {
            let hash = RoutePath.hash(path, path.count, host: host)
            if let found = find(path, path.count, isExact: true, hash, host),
                let rule = fitting(found, method, section)
            {
                return rule
            }
        }
        var best: Int?
        var hash = RoutePath.begin(host: host)
        var at = 0
        // One walk over the path; a longer prefix that fits comes later.
        for length in prefixLengths.slice(Int(entry.firstLength), Int(entry.lengthCount)) {
            guard Int(length) <= path.count else { break }
            while at < Int(length) {
                hash = RoutePath.add(path[at], to: hash)
                at &+= 1
            }
            // `/api` is not the beginning of `/apis`.
            guard path[at &- 1] == 0x2f || at == path.count || path[at] == 0x2f else { continue }
            if let found = find(path, at, isExact: false, RoutePath.end(hash), host),
                let rule = fitting(found, method, section)
            {
                best = rule
            }
        }
        return best
    }

    private func find(
        _ path: UnsafeBufferPointer<UInt8>, _ count: Int, isExact: Bool, _ hash: UInt32, _ host: Int
    ) -> PathEntry? {
        var place = Int(hash) & (pathFinder.count &- 1)
        while case let index = Int(pathFinder[place]), index >= 0 {
            let entry = paths[index]
            if entry.hash == hash && entry.isExact == isExact && Int(entry.host) == host
                && FieldText.equal(UnsafeBufferPointer(rebasing: path[..<count]), text(entry.text))
            {
                return entry
            }
            place = (place &+ 1) & (pathFinder.count &- 1)
        }
        return nil
    }

    /// The first rule of a path whose method and headers fit.
    private func fitting(
        _ path: PathEntry, _ method: UnsafeBufferPointer<UInt8>, _ section: borrowing FieldSection
    ) -> Int? {
        for index in Int(path.firstRule)..<Int(path.firstRule &+ path.ruleCount) {
            let rule = rules[index]
            if rule.method.count > 0 && !FieldText.equal(method, text(rule.method)) { continue }
            if holds(rule, section) { return index }
        }
        return nil
    }

    private func holds(_ rule: Rule, _ section: borrowing FieldSection) -> Bool {
        for condition in conditions.slice(Int(rule.firstCondition), Int(rule.conditionCount))
        where !holds(condition, section) { return false }
        return true
    }

    private func holds(_ condition: Condition, _ section: borrowing FieldSection) -> Bool {
        for index in 0..<section.count {
            let line = section[index]
            guard line.name == condition.known && !line.isRemoved else { continue }
            if line.name == .other && !FieldText.equal(section.name(line), text(condition.name)) { continue }
            if condition.isPresence || FieldText.equal(section.value(line), text(condition.value)) { return true }
        }
        return false
    }
}
