// SPDX-License-Identifier: Apache-2.0

import Glibc

/// How a proxy takes its leave.
extension HTTPProxy {
    /// Listening sockets are closed; clients are told to go away, and their connections end when their requests have.
    /// Connections to backends stay while there are clients: these may still ask.
    public func drain() {
        closeListeners()
        state.pointee.isDraining = true
        for place in 0..<state.pointee.limits.connections {
            if let connection = connections[place], connection.pointee.isOpen, connection.pointee.side == .client {
                leave(connection)
            }
        }
        endDrained()
    }

    /// No client is left: nobody needs the backends any more.
    func endDrained() {
        guard state.pointee.isDraining else { return }
        for place in 0..<state.pointee.limits.connections {
            if let connection = connections[place], connection.pointee.isOpen, connection.pointee.side == .client {
                return
            }
        }
        for place in 0..<state.pointee.limits.connections {
            if let connection = connections[place], connection.pointee.isOpen { drop(connection) }
        }
    }

    /// Whether a request of HTTP/1.1 may be on its way that nobody has told not to come: the client's first, or one that
    /// waits to be read. Its time-out ends who does not ask.
    func mayAsk(_ connection: ConnectionRef) -> Bool {
        if connection.pointee.requests == 0 || connection.pointee.held != nil { return true }
        var octet: UInt8 = 0
        return recv(connection.pointee.socket, &octet, 1, Int32(MSG_PEEK) | Int32(MSG_DONTWAIT)) > 0
    }
}
