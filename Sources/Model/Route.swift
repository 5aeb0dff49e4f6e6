// SPDX-License-Identifier: Apache-2.0

/// Which requests go to which services.
public struct Route: Hashable, Sendable {
    public struct Header: Hashable, Sendable {
        /// In lower case.
        public var name: String
        /// Nil: it is enough that the field is there.
        public var value: String?

        public init(name: String, value: String? = nil) {
            self.name = name
            self.value = value
        }
    }

    /// What a request must be like. Equal ones take the same requests.
    public struct Match: Hashable, Sendable {
        /// In lower case: `example.org`, `*.example.org`; nil: any.
        public var host: String?
        public var path: String
        /// The path alone, and not those below it.
        public var isExact: Bool
        /// Nil: any.
        public var method: String?
        /// Sorted.
        public private(set) var headers: [Header]

        public init(
            host: String? = nil, path: String = "/", isExact: Bool = false, method: String? = nil,
            headers: [Header] = []
        ) {
            self.host = host
            self.path = path
            self.isExact = isExact
            self.method = method
            self.headers = Set(headers).sorted { ($0.name, $0.value ?? "") < ($1.name, $1.value ?? "") }
        }
    }

    public struct Target: Hashable, Sendable {
        public var service: String
        /// Its share of the requests, relative to the others'.
        public var weight: UInt32

        public init(service: String, weight: UInt32 = 1) {
            self.service = service
            self.weight = weight
        }
    }

    /// What backends are spoken to by.
    public enum Upstream: String, Hashable, Sendable, CaseIterable {
        case http1, http2
    }

    public static let timeouts = Duration.milliseconds(10) ... .seconds(3_600)
    public static let retriesMax = 10
    public static let weightMax = 1_000_000
    public static let headersMax = 16

    /// Of one listener; nil: of all.
    public var listener: String?
    public var match: Match
    public var targets: [Target]
    public var upstream: Upstream
    /// From a request's head to the response's.
    public var timeout: Duration
    /// How often a request may be sent again, where that is safe.
    public var retries: Int

    public init(
        listener: String? = nil, match: Match = Match(), targets: [Target], upstream: Upstream = .http1,
        timeout: Duration = .seconds(30), retries: Int = 1
    ) {
        self.listener = listener
        self.match = match
        self.targets = targets
        self.upstream = upstream
        self.timeout = timeout
        self.retries = retries
    }
}

extension Route.Match: CustomStringConvertible {
    /// `example.org/api/`, `GET */login exactly with x-canary: 1`.
    public var description: String {
        let fields = headers.map { " with \($0.name)" + ($0.value.map { ": \($0)" } ?? "") }.joined()
        return (method.map { "\($0) " } ?? "") + (host ?? "*") + path + (isExact ? " exactly" : "") + fields
    }
}

extension Route {
    /// What is wrong with it alone.
    var faults: [String] {
        var faults = [
            match.host.flatMap(RouteText.hostFault), RouteText.pathFault(match.path),
            match.method.flatMap(RouteText.methodFault),
        ].compactMap(\.self)
        faults += match.headers.compactMap { RouteText.headerFault($0.name) }
        faults += match.headers.compactMap { $0.value.flatMap(RouteText.valueFault) }
        if match.headers.count > Self.headersMax { faults.append("more than \(Self.headersMax) headers") }
        if targets.isEmpty { faults.append("it names no service") }
        if !targets.contains(where: { $0.weight > 0 }) { faults.append("the weight is 0 everywhere") }
        if Set(targets.map(\.service)).count < targets.count { faults.append("it names a service twice") }
        if targets.contains(where: { $0.weight > Self.weightMax }) { faults.append("a weight above \(Self.weightMax)") }
        if !Self.timeouts.contains(timeout) || timeout.components.attoseconds % 1_000_000_000_000_000 != 0 {
            faults.append("timeout \(timeout) is no duration from 10ms to 1h in milliseconds")
        }
        if !(0...Self.retriesMax).contains(retries) { faults.append("retries \(retries) is above \(Self.retriesMax)") }
        return faults
    }
}

/// What the parts of a match may be made of. Each answers what is wrong, or nil.
public enum RouteText {
    public static func hostFault(_ host: String) -> String? {
        let name = host.hasPrefix("*.") ? host.dropFirst(2) : host[...]
        let isName =
            !name.isEmpty && host.utf8.count <= 253 && !name.hasPrefix(".") && !name.hasSuffix(".")
            && !name.contains("..") && name.utf8.allSatisfy { isAlphanumeric($0) || "-_.".utf8.contains($0) }
        guard isName else { return "'\(host)' is no host such as example.org or *.example.org" }
        return host == host.lowercased() ? nil : "host '\(host)' is not in lower case"
    }

    /// Requests are compared in the form in which equal paths are equal; another one would never be found.
    public static func pathFault(_ path: String) -> String? {
        guard path.hasPrefix("/"), path.utf8.count <= 1024 else { return "'\(path)' is no path such as /api/" }
        let segments = path.dropFirst().split(separator: "/", omittingEmptySubsequences: false)
        if segments.dropLast().contains("") { return "path '\(path)' has two slashes together, which count as one" }
        if segments.contains(".") || segments.contains("..") { return "path '\(path)' has a dot segment" }
        var rest = Array(path.utf8)[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%") {
                guard let value = hexadecimal(rest.prefix(2)) else {
                    return "path '\(path)' has a % without two digits 0-9, A-F"
                }
                if isUnreserved(value) { return "path '\(path)' escapes '\(Unicode.Scalar(value))', which needs none" }
                rest = rest.dropFirst(2)
            } else if !isUnreserved(byte) && !"/!$&'()*+,;=:@".utf8.contains(byte) {
                return "path '\(path)' has a character that must be escaped"
            }
        }
        return nil
    }

    public static func methodFault(_ method: String) -> String? {
        if method == "CONNECT" { return "CONNECT is refused everywhere" }
        return isToken(method) && method.utf8.count <= 32 ? nil : "'\(method)' is no method such as GET"
    }

    public static func headerFault(_ name: String) -> String? {
        let isName = isToken(name) && name.utf8.count <= 128 && name == name.lowercased()
        return isName ? nil : "'\(name)' is no field name in lower case"
    }

    public static func valueFault(_ value: String) -> String? {
        let isValue =
            !value.isEmpty && value.utf8.count <= 1024 && value.utf8.allSatisfy { (0x20...0x7e).contains($0) }
            && value.first != " " && value.last != " "
        return isValue ? nil : "'\(value)' is no field value of printable ASCII"
    }

    private static func isToken(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.allSatisfy { isAlphanumeric($0) || "!#$%&'*+-.^_`|~".utf8.contains($0) }
    }

    private static func isUnreserved(_ byte: UInt8) -> Bool { isAlphanumeric(byte) || "-._~".utf8.contains(byte) }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte)
    }

    private static func hexadecimal(_ digits: ArraySlice<UInt8>) -> UInt8? {
        guard digits.count == 2, digits.allSatisfy({ !(0x61...0x66).contains($0) }) else { return nil }
        return digits.reduce(UInt8?(0)) { value, digit in
            guard let value, let nibble = Numerals.nibble(digit) else { return nil }
            return value << 4 | UInt8(nibble)
        }
    }
}
