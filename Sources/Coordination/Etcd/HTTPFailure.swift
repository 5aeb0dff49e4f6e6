// SPDX-License-Identifier: Apache-2.0

import AsyncHTTPClient
import Glibc
import NIOCore
import NIOPosix
import NIOSSL

/// What the libraries' errors mean, and whether the request may have been heard.
enum HTTPFailure {
    static func words(_ error: any Error) -> (cause: String, isSent: Bool) {
        switch error {
        case StoreError.unreachable(_, _, let cause): (cause, true)
        case let error as NIOConnectionError: (connection(error), false)
        case let error as IOError: (text(error.errnoCode), !unsent.contains(error.errnoCode))
        case let error as NIOSSLError: ("TLS: \(error)", false)
        case let error as HTTPClientError where error == .connectTimeout: ("no connection in time", false)
        case let error as HTTPClientError where error == .remoteConnectionClosed:
            ("the connection was closed without an answer", true)
        default: ("\(error)", true)
        }
    }

    private static let unsent: Set<Int32> = [ECONNREFUSED, EHOSTUNREACH, ENETUNREACH, EADDRNOTAVAIL]

    private static func connection(_ error: NIOConnectionError) -> String {
        if let first = error.connectionErrors.first?.error as? IOError { return text(first.errnoCode) }
        return error.dnsAError != nil ? "no address is known for \(error.host)" : "\(error)"
    }

    private static func text(_ code: Int32) -> String {
        strerror(code).map { String(cString: $0) } ?? "error \(code)"
    }
}
