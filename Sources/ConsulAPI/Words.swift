// SPDX-License-Identifier: Apache-2.0

import AsyncHTTPClient
import Glibc
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

/// What the libraries' errors mean to a person.
enum Words {
    static func failure(_ error: any Error, _ operation: String) -> ConsulError {
        switch error {
        case let error as ConsulError: error
        case let error as IOError where before.contains(error.errnoCode):
            ConsulError(.unreachable, operation, cause: text(error.errnoCode))
        case let error as IOError:
            ConsulError(.unreachable, operation, cause: text(error.errnoCode), mayHaveHappened: true)
        case let error as NIOConnectionError: unconnected(error, operation)
        case let error as NIOSSLError:
            ConsulError(.unreachable, operation, cause: "TLS: \(error)")
        case let error as HTTPClientError where error == .remoteConnectionClosed:
            ConsulError(
                .unreachable, operation, cause: "the connection was closed without an answer", mayHaveHappened: true)
        case is HTTPParserError:
            ConsulError(.garbage, operation, cause: "the answer is no HTTP: \(error)", mayHaveHappened: true)
        default: ConsulError(.unreachable, operation, cause: "\(error)", mayHaveHappened: true)
        }
    }

    /// Errors of a connection that was never made.
    private static let before: Set<Int32> = [
        ECONNREFUSED, ENOENT, EACCES, EHOSTUNREACH, ENETUNREACH, EADDRNOTAVAIL,
    ]

    private static func unconnected(_ error: NIOConnectionError, _ operation: String) -> ConsulError {
        if error.dnsAError != nil && error.dnsAAAAError != nil {
            return ConsulError(.unreachable, operation, cause: "no address is known for \(error.host)")
        }
        if let first = error.connectionErrors.first?.error as? IOError {
            return ConsulError(.unreachable, operation, cause: text(first.errnoCode))
        }
        return ConsulError(.unreachable, operation, cause: "\(error)")
    }

    private static func text(_ code: Int32) -> String {
        strerror(code).map { String(cString: $0) } ?? "error \(code)"
    }
}
