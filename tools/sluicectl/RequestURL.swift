// SPDX-License-Identifier: Apache-2.0

import Foundation
import Model

/// A request as a person describes it: a URL, a method, headers, and who asks.
struct RequestURL {
    let isSecure: Bool
    /// With its port where the URL has one.
    let authority: String
    let host: String
    let port: UInt16
    /// With its query.
    let target: String
    let path: String
    let method: String
    let fields: [(name: String, value: String)]
    /// Nil where its port is not known.
    let client: (address: IPAddress, port: UInt16)?

    init(url: String, method: String, headers: [String], src: String) throws {
        guard let parts = URLComponents(string: url), let scheme = parts.scheme?.lowercased(),
            scheme == "http" || scheme == "https", let name = parts.host, !name.isEmpty
        else { throw Failure(.usage, "--url \(url): no URL such as https://example.org/api/") }
        isSecure = scheme == "https"
        guard let port = UInt16(exactly: parts.port ?? (isSecure ? 443 : 80)), port > 0 else {
            throw Failure(.usage, "--url \(url): the port is none from 1 to 65535")
        }
        self.port = port
        host = name.hasPrefix("[") ? String(name.dropFirst().dropLast()) : name
        let shown = host.contains(":") ? "[\(host)]" : host
        authority = shown + (parts.port.map { ":\($0)" } ?? "")
        path = parts.percentEncodedPath.isEmpty ? "/" : parts.percentEncodedPath
        target = path + (parts.percentEncodedQuery.map { "?\($0)" } ?? "")
        guard RouteText.methodFault(method) == nil else {
            throw Failure(.usage, "--method \(method): \(RouteText.methodFault(method) ?? "")")
        }
        self.method = method
        fields = try headers.map(Self.field)
        client = try Self.client(src)
    }

    /// The name that TLS asks for: addresses are none.
    var serverName: String? { IPAddress(host) == nil ? host.lowercased() : nil }

    private static func field(_ text: String) throws -> (name: String, value: String) {
        guard let colon = text.firstIndex(of: ":") else {
            throw Failure(.usage, "-H \(text): write name: value")
        }
        let name = text[..<colon].lowercased()
        if let fault = RouteText.headerFault(name) { throw Failure(.usage, "-H \(text): \(fault)") }
        return (name, text[text.index(after: colon)...].trimmingCharacters(in: .whitespaces))
    }

    private static func client(_ text: String) throws -> (address: IPAddress, port: UInt16)? {
        if IPAddress(text) != nil { return nil }
        return try FlowOptions.end(text, "--src")
    }

    /// The one that the request comes to.
    func listener(of listeners: [Listener], dst: String?) throws -> Listener {
        let wanted = try dst.map { try FlowOptions.end($0, "--dst") }
        let address = wanted?.address ?? IPAddress(host)
        let port = wanted?.port ?? port
        let found = listeners.filter { $0.bind.port == port && (address == nil || $0.bind.address == address) }
        let names = listeners.map { "\($0.name) \($0.bind)" }.joined(separator: ", ")
        guard let one = found.first else {
            let place = address.map { "\($0) port \(port)" } ?? "port \(port)"
            throw Failure(
                .failed, "no listener at \(place)",
                remedy: listeners.isEmpty ? "there is none at all" : "there are: \(names)")
        }
        guard found.count == 1 else {
            throw Failure(.usage, "several listeners at port \(port): say which by --dst ADDRESS:PORT", remedy: names)
        }
        return one
    }
}
