// SPDX-License-Identifier: Apache-2.0

import Model

extension CatalogRoute {
    /// Equal routes of several instances become one. A bad tag is reported with its place, and the rest stand.
    static func routes(of instances: [CatalogInstance]) -> (routes: [CatalogRoute], problems: [CatalogProblem]) {
        var asked: [CatalogRoute: Set<String>] = [:]
        var problems: [CatalogProblem] = []
        for instance in instances {
            let words = RouteWords(instance)
            problems += words.problems
            for word in words.routes {
                do {
                    var route = try CatalogRoute(parsing: word.text)
                    route.options.merge(words.options) { own, _ in own }
                    asked[route, default: []].insert(instance.name)
                } catch {
                    problems.append(CatalogProblem("instance \(instance.name): \(word.place)", error.message))
                }
            }
        }
        let routes = asked.map { route, names in
            var route = route
            route.instances = names.sorted()
            return route
        }
        return (routes.sorted { $0.order.lexicographicallyPrecedes($1.order) }, problems)
    }

    private var order: [String] {
        [host, path, port.map { "\($0)" } ?? ""] + options.sorted { $0.key < $1.key }.flatMap { [$0.key, $0.value] }
            + instances
    }

    /// Reads `HOST/PATH [OPTION...]` or `:PORT [OPTION...]`.
    init(parsing text: String) throws(CatalogProblem.Reason) {
        let words = text.split(whereSeparator: \.isWhitespace).map(String.init)
        guard let target = words.first else { throw CatalogProblem.Reason("neither host nor path") }
        let options = try Self.options(words.dropFirst())
        if target.hasPrefix(":") {
            guard let port = UInt16(target.dropFirst()), port > 0 else {
                throw CatalogProblem.Reason("\(target.dropFirst()) is no port")
            }
            self.init(host: "", path: "", port: port, options: options)
            return
        }
        guard let slash = target.firstIndex(of: "/") else {
            throw CatalogProblem.Reason("no path: HOST/PATH or /PATH is expected")
        }
        let host = target[..<slash].lowercased()
        guard Self.isHost(host) else { throw CatalogProblem.Reason("\(host) is no host") }
        let path = String(target[slash...])
        guard path.utf8.allSatisfy({ (0x21...0x7e).contains($0) && $0 != UInt8(ascii: "?") }) else {
            throw CatalogProblem.Reason("\(path) is no path")
        }
        self.init(host: host, path: path, options: options)
    }

    private static func options(_ words: ArraySlice<String>) throws(CatalogProblem.Reason) -> [String: String] {
        var options: [String: String] = [:]
        for word in words {
            let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            guard !parts[0].isEmpty else { throw CatalogProblem.Reason("option \(word) has no name") }
            guard options.updateValue(parts.count > 1 ? parts[1] : "", forKey: parts[0]) == nil else {
                throw CatalogProblem.Reason("option \(parts[0]) is there twice")
            }
        }
        return options
    }

    /// Letters, digits, hyphens and dots, a port behind a colon; `*.` may stand first; none is any host.
    private static func isHost(_ text: String) -> Bool {
        guard !text.isEmpty else { return true }
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count <= 2, parts.count == 1 || UInt16(parts[1]) != nil else { return false }
        let name = parts[0].hasPrefix("*.") ? parts[0].dropFirst(2) : parts[0]
        return name.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { label in
            !label.isEmpty && label.count <= 63
                && label.utf8.allSatisfy {
                    switch $0 {
                    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
                        UInt8(ascii: "-"), UInt8(ascii: "_"):
                        true
                    default: false
                    }
                }
        }
    }
}
