// SPDX-License-Identifier: Apache-2.0

import COpenSSL
import Glibc

/// Why a connection is of no more use.
struct TransportFailure: Error {
    let cause: String
    /// Whether the other side may have heard what was asked.
    let isSent: Bool
}

/// A TCP connection whose every wait has an end, with TLS over it where wanted. Used by one thread.
///
/// hiredis 0.14, Debian's, knows no TLS: it parses and formats here, and the bytes are moved by this.
final class RedisTransport {
    private let socket: Int32
    private var context: OpaquePointer?
    private var session: OpaquePointer?

    init(host: String, port: UInt16, tls: StoreTLS?, until end: Duration) throws {
        socket = try Self.connect(host, port, until: end)
        do {
            if let tls { try secure(tls, host, until: end) }
        } catch {
            shut()
            throw error
        }
    }

    deinit { shut() }

    private func shut() {
        SSL_free(session)
        SSL_CTX_free(context)
        session = nil
        context = nil
        close(socket)
    }

    /// Whether there is something to read though nothing was asked: the end, as a rule, of a connection long idle.
    var isStale: Bool {
        var one = pollfd(fd: socket, events: Int16(POLLIN), revents: 0)
        guard Glibc.poll(&one, 1, 0) != 0 else { return false }
        guard let session else { return true }
        // TLS 1.3 sends its tickets when it likes; this takes them in.
        var byte: UInt8 = 0
        let count = SSL_peek(session, &byte, 1)
        return count > 0 || SSL_get_error(session, count) != SSL_ERROR_WANT_READ
    }

    func send(_ bytes: UnsafeRawBufferPointer, until end: Duration) throws {
        var sent = 0
        while sent < bytes.count {
            // Within the buffer: `sent` is below its count.
            let rest = UnsafeRawBufferPointer(rebasing: bytes[sent...])
            if let session {
                let count = SSL_write(session, rest.baseAddress, Int32(clamping: rest.count))
                if count > 0 { sent += Int(count) } else { try wait(session, count, until: end) }
            } else {
                let count = Glibc.send(socket, rest.baseAddress, rest.count, Int32(MSG_NOSIGNAL))
                if count > 0 { sent += count } else { try wait(for: Int16(POLLOUT), until: end) }
            }
        }
    }

    /// At least one byte, at most the buffer's.
    func receive(into buffer: UnsafeMutableRawBufferPointer, until end: Duration) throws -> Int {
        while true {
            if let session {
                let count = SSL_read(session, buffer.baseAddress, Int32(clamping: buffer.count))
                if count > 0 { return Int(count) }
                try wait(session, count, until: end)
            } else {
                let count = recv(socket, buffer.baseAddress, buffer.count, 0)
                if count > 0 { return count }
                if count == 0 { throw TransportFailure(cause: "the connection was closed", isSent: true) }
                try wait(for: Int16(POLLIN), until: end)
            }
        }
    }

    /// After a call that said EAGAIN; throws for any other error.
    private func wait(for events: Int16, until end: Duration) throws {
        guard errno == EAGAIN || errno == EINTR else { throw Self.failure(isSent: true) }
        try Self.poll(socket, events, until: end, isSent: true)
    }

    private func wait(_ session: OpaquePointer, _ result: Int32, until end: Duration, isSent: Bool = true) throws {
        switch SSL_get_error(session, result) {
        case SSL_ERROR_WANT_READ: try Self.poll(socket, Int16(POLLIN), until: end, isSent: isSent)
        case SSL_ERROR_WANT_WRITE: try Self.poll(socket, Int16(POLLOUT), until: end, isSent: isSent)
        case SSL_ERROR_ZERO_RETURN: throw TransportFailure(cause: "the connection was closed", isSent: isSent)
        default: throw TransportFailure(cause: "TLS: \(Self.opensslError())", isSent: isSent)
        }
    }
}

extension RedisTransport {
    private func secure(_ tls: StoreTLS, _ host: String, until end: Duration) throws {
        guard let made = SSL_CTX_new(TLS_client_method()) else { throw StoreError.settings("OpenSSL has no TLS") }
        context = made
        SSL_CTX_set_verify(made, SSL_VERIFY_PEER, nil)
        if let key = tls.keyFile { try SecretFile.checkMode(key) }
        try Self.load("authority", tls.authorityFile) { SSL_CTX_load_verify_locations(made, $0, nil) }
        if tls.authorityFile == nil { SSL_CTX_set_default_verify_paths(made) }
        try Self.load("certificate", tls.certificateFile) { SSL_CTX_use_certificate_chain_file(made, $0) }
        try Self.load("key", tls.keyFile) { SSL_CTX_use_PrivateKey_file(made, $0, SSL_FILETYPE_PEM) }
        guard let session = SSL_new(made) else { throw StoreError.settings("OpenSSL makes no session") }
        self.session = session
        SSL_set_fd(session, socket)
        try name(host, session)
        while true {
            let result = SSL_connect(session)
            if result == 1 { return }
            try wait(session, result, until: end, isSent: false)
        }
    }

    /// What the certificate must be for: a name, or an address.
    private func name(_ host: String, _ session: OpaquePointer) throws {
        let parameters = SSL_get0_param(session)
        if X509_VERIFY_PARAM_set1_ip_asc(parameters, host) == 1 { return }
        guard SSL_set1_host(session, host) == 1 else { throw StoreError.settings("'\(host)' is no name of a host") }
        var name = Array(host.utf8CString)
        // SSL_set_tlsext_host_name is a macro over this.
        SSL_ctrl(session, SSL_CTRL_SET_TLSEXT_HOSTNAME, Int(TLSEXT_NAMETYPE_host_name), &name)
    }

    private static func load(_ what: String, _ path: String?, _ load: (String) -> Int32) throws {
        guard let path else { return }
        ERR_clear_error()
        guard load(path) == 1 else {
            throw StoreError.credentials("\(path): no \(what) for TLS: \(opensslError())")
        }
    }

    private static func opensslError() -> String {
        let code = ERR_get_error()
        guard code != 0 else { return errno == 0 ? "closed" : text(errno) }
        return ERR_reason_error_string(code).map { String(cString: $0) } ?? "error \(code)"
    }

    private static func connect(_ host: String, _ port: UInt16, until end: Duration) throws -> Int32 {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        let code = getaddrinfo(host, String(port), &hints, &list)
        guard code == 0 else {
            throw TransportFailure(cause: gai_strerror(code).map { String(cString: $0) } ?? "no address", isSent: false)
        }
        defer { freeaddrinfo(list) }
        var last = TransportFailure(cause: "no address", isSent: false)
        var next = list
        while let address = next?.pointee {
            do { return try connect(address, until: end) } catch let error as TransportFailure { last = error }
            next = address.ai_next
        }
        throw last
    }

    private static func connect(_ address: addrinfo, until end: Duration) throws -> Int32 {
        let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
        let file = Glibc.socket(address.ai_family, kind, 0)
        guard file >= 0 else { throw failure(isSent: false) }
        do {
            var one: Int32 = 1
            setsockopt(file, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<Int32>.size))
            if Glibc.connect(file, address.ai_addr, address.ai_addrlen) == 0 { return file }
            guard errno == EINPROGRESS else { throw failure(isSent: false) }
            try poll(file, Int16(POLLOUT), until: end, isSent: false)
            var code: Int32 = 0
            var length = socklen_t(MemoryLayout<Int32>.size)
            getsockopt(file, SOL_SOCKET, SO_ERROR, &code, &length)
            guard code == 0 else { throw TransportFailure(cause: text(code), isSent: false) }
            return file
        } catch {
            close(file)
            throw error
        }
    }

    private static func poll(_ file: Int32, _ events: Int16, until end: Duration, isSent: Bool) throws {
        var one = pollfd(fd: file, events: events, revents: 0)
        while true {
            let left = end - BootClock.now()
            guard left > .zero else { throw TransportFailure(cause: "no answer in time", isSent: isSent) }
            let count = Glibc.poll(&one, 1, Int32(clamping: Int64(left / .milliseconds(1)) + 1))
            if count > 0 { return }
            if count < 0, errno != EINTR { throw failure(isSent: isSent) }
        }
    }

    private static func failure(isSent: Bool) -> TransportFailure {
        TransportFailure(cause: text(errno), isSent: isSent)
    }

    private static func text(_ code: Int32) -> String {
        strerror(code).map { String(cString: $0) } ?? "error \(code)"
    }
}
