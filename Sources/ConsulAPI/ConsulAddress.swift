// SPDX-License-Identifier: Apache-2.0

import AsyncHTTPClient
import Foundation

/// Where a Consul agent listens.
public enum ConsulAddress: Hashable, Sendable {
    case http(host: String, port: Int)
    case https(host: String, port: Int)
    case unix(path: String)
}

extension ConsulAddress: LosslessStringConvertible {
    /// Reads `http://127.0.0.1:8500`, `https://consul.example:8501` or `unix:///run/consul.sock`; the port may be left
    /// out (8500, 8501 under TLS). Nil for anything else, also for a path, a query or credentials in it.
    public init?(_ text: String) {
        if text.hasPrefix("unix:///") {
            self = .unix(path: String(text.dropFirst("unix://".count)))
            return
        }
        guard let parts = URLComponents(string: text), let host = parts.host, !host.isEmpty,
            parts.path.isEmpty || parts.path == "/", parts.query == nil, parts.fragment == nil, parts.user == nil,
            (1...65535).contains(parts.port ?? 1)
        else { return nil }
        switch parts.scheme {
        case "http": self = .http(host: host, port: parts.port ?? 8500)
        case "https": self = .https(host: host, port: parts.port ?? 8501)
        default: return nil
        }
    }

    public var description: String {
        switch self {
        case .http(let host, let port): "http://\(Self.bracketed(host)):\(port)"
        case .https(let host, let port): "https://\(Self.bracketed(host)):\(port)"
        case .unix(let path): "unix://\(path)"
        }
    }

    /// The URL of a path and query that begin with a slash; `serverName` stands for the host under TLS.
    func url(_ target: String, serverName: String?) -> String? {
        switch self {
        case .http: description + target
        case .https(let host, let port): "https://\(Self.bracketed(serverName ?? host)):\(port)\(target)"
        case .unix(let path): URL(httpURLWithSocketPath: path, uri: target)?.absoluteString
        }
    }

    static func bracketed(_ host: String) -> String {
        host.contains(":") && !host.hasPrefix("[") ? "[\(host)]" : host
    }
}
