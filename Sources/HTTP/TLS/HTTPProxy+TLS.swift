// SPDX-License-Identifier: Apache-2.0

import COpenSSL
import EventLoop

/// TLS by OpenSSL on the socket itself: no buffers of ours between, one record a send.
extension HTTPProxy {
    /// False: there is no memory.
    func startTLS(_ connection: ConnectionRef, _ server: TLSServer) -> Bool {
        guard let tls = server.connection(on: connection.pointee.socket) else { return false }
        connection.pointee.tls = tls
        connection.pointee.server = .passRetained(server)
        return true
    }

    func releaseTLS(_ connection: ConnectionRef) {
        if let tls = connection.pointee.tls { SSL_free(tls) }
        connection.pointee.tls = nil
        connection.pointee.server?.release()
        connection.pointee.server = nil
    }

    /// Goes on with the handshake; whether it is over, and what the connection speaks is known.
    func shakeHands(_ connection: ConnectionRef) -> Bool {
        guard let tls = connection.pointee.tls else { return false }
        ERR_clear_error()
        let answer = SSL_do_handshake(tls)
        guard answer == 1 else {
            let reason = SSL_get_error(tls, answer)
            connection.pointee.isReadable = false
            if reason == SSL_ERROR_WANT_READ || reason == SSL_ERROR_WANT_WRITE {
                if connection.pointee.isEnding { drop(connection) }
                return false
            }
            state.pointee.counters.handshakeFailures &+= 1
            drop(connection)
            return false
        }
        state.pointee.counters.handshakes &+= 1
        var name: UnsafePointer<UInt8>?
        var count: UInt32 = 0
        SSL_get0_alpn_selected(tls, &name, &count)
        if count == 2 { return startHTTP2(connection, .server, state.pointee.settings) }
        connection.pointee.stage = count == 0 ? .sniffing : .http1
        return true
    }

    /// Reads what is there, `most` octets at most; whether anything came.
    func readTLS(_ connection: ConnectionRef, _ tls: OpaquePointer, _ count: inout Int, _ most: Int) -> Bool {
        var left = most
        while left > 0 {
            ERR_clear_error()
            let answer = SSL_read(tls, input + count, Int32(truncatingIfNeeded: left))
            guard answer > 0 else {
                connection.pointee.isReadable = false
                let reason = SSL_get_error(tls, answer)
                if reason != SSL_ERROR_WANT_READ && reason != SSL_ERROR_WANT_WRITE {
                    connection.pointee.hasEnded = true
                    // An end without TLS's own is an attacker's or a careless client's: what was read is handled all the
                    // same, as every message of ours says its length.
                    if reason != SSL_ERROR_ZERO_RETURN { connection.pointee.isBroken = true }
                }
                return left < most
            }
            count &+= Int(answer)
            left &-= Int(answer)
        }
        return true
    }

    /// Sends some of the octets.
    func transmitTLS(_ connection: ConnectionRef, _ bytes: UnsafeRawBufferPointer) {
        guard let tls = connection.pointee.tls, !connection.pointee.isBroken else { return fail(connection) }
        ERR_clear_error()
        let answer = SSL_write(tls, bytes.baseAddress, Int32(truncatingIfNeeded: bytes.count))
        if answer > 0 {
            connection.pointee.out.advance(Int(answer), &state.pointee.blocks)
            return
        }
        let reason = SSL_get_error(tls, answer)
        if reason == SSL_ERROR_WANT_WRITE || reason == SSL_ERROR_WANT_READ {
            connection.pointee.isWritable = false
        } else {
            connection.pointee.isBroken = true
            fail(connection)
        }
    }

    /// TLS's own end, as far as the socket takes it (RFC 8446, 6.1).
    func endTLS(_ connection: ConnectionRef) {
        guard let tls = connection.pointee.tls, !connection.pointee.isBroken else { return }
        ERR_clear_error()
        _ = SSL_shutdown(tls)
    }
}
