// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
import Hummingbird
import Logging
import NIOCore

/// The admin API on a Unix socket, and the metrics on a TCP port.
public struct AdminServer: Sendable {
    public struct Settings: Hashable, Sendable {
        /// `<run>/sluiced.sock`
        public var socket: String
        /// Members of this group may use it beside root; nil or unknown: root alone.
        public var group: String?

        public init(socket: String, group: String?) {
            self.socket = socket
            self.group = group
        }
    }

    private let settings: Settings
    private let backend: any AdminBackend
    private let fleet: (any FleetBackend)?
    private let logger: Logger
    private let onRunning: @Sendable () async -> Void

    /// - Parameter fleet: nil where this host's store is its own.
    public init(
        settings: Settings, backend: any AdminBackend, fleet: (any FleetBackend)? = nil, logger: Logger,
        onRunning: @escaping @Sendable () async -> Void = {}
    ) {
        self.settings = settings
        self.backend = backend
        self.fleet = fleet
        self.logger = logger
        self.onRunning = onRunning
    }

    /// Serves until it is cancelled or told to shut down gracefully, then removes the socket.
    ///
    /// Throws a `Problem` where another daemon listens there or the socket cannot be made.
    public func run() async throws {
        let file = SocketFile(path: settings.socket)
        try file.checkFree()
        let group = groupNumber()
        let routes = AdminRoutes(
            backend: backend, fleet: fleet, access: Access(owner: geteuid(), group: group), logger: logger)
        let failure = Failure()
        let address = BindAddress.unixDomainSocket(path: file.unready)
        let server = application(routes.router(), at: address, logger: logger) { channel in
            do {
                try file.publish(group: group)
                await onRunning()
            } catch {
                await failure.note(error)
                channel.close(promise: nil)
            }
        }
        defer { file.remove() }
        do {
            try await server.run()
        } catch {
            // The server ends with an error of its own when its channel is closed.
            let cause = error.named("bind \(settings.socket)", remedy: "see that its directory is there")
            throw await failure.error ?? cause
        }
        if let error = await failure.error { throw error }
    }

    private func groupNumber() -> UInt32? {
        guard let name = settings.group else { return nil }
        let number = sluice_group_number(name)
        guard number >= 0 else {
            logger.warning("no such group: only root may use the admin socket", metadata: ["group": "\(name)"])
            return nil
        }
        return UInt32(number)
    }
}

/// Keeps an error that a closure without a throwing way out met.
private actor Failure {
    private(set) var error: (any Error)?

    func note(_ error: any Error) { self.error = error }
}

/// The metrics on a TCP port, which belongs on loopback.
public struct MetricsServer: Sendable {
    private let host: String
    private let port: Int
    private let source: any MetricsSource
    private let logger: Logger
    private let onRunning: @Sendable (Int) async -> Void

    /// `onRunning` is told the port, which matters where `port` is 0.
    public init(
        host: String, port: Int, source: any MetricsSource, logger: Logger,
        onRunning: @escaping @Sendable (Int) async -> Void = { _ in }
    ) {
        self.host = host
        self.port = port
        self.source = source
        self.logger = logger
        self.onRunning = onRunning
    }

    /// Serves `GET /metrics` until it is cancelled or told to shut down gracefully.
    public func run() async throws {
        let router = Router(context: BasicRequestContext.self)
        router.middlewares.add(ProblemAnswers())
        let source = source
        router.get("metrics") { _, _ in
            let text = try await answer(within: Limits.requestTime) { try await source.metrics() }.text
            return Response(
                status: .ok, headers: [.contentType: MetricsText.contentType],
                body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
        }
        let server = application(router, at: .hostname(host, port: port), logger: logger) { channel in
            await onRunning(channel.localAddress?.port ?? port)
        }
        do {
            try await server.run()
        } catch {
            throw error.named("listen on \(host):\(port) for metrics", remedy: "choose another admin.metrics")
        }
    }
}

extension Error {
    /// A system call's failure as a problem; others as they are.
    fileprivate func named(_ operation: String, remedy: String) -> any Error {
        guard let failure = self as? IOError else { return self }
        let cause = strerror(failure.errnoCode).map { String(cString: $0) } ?? "error \(failure.errnoCode)"
        return Problem("\(operation): \(cause)", remedy: remedy)
    }
}

/// An HTTP/1.1 server with bounded headers, whose connections end when nothing happens on them.
private func application<Context: RequestContext>(
    _ router: Router<Context>, at address: BindAddress, logger: Logger,
    onRunning: @escaping @Sendable (any Channel) async -> Void
) -> some ApplicationProtocol where Context.Source == ApplicationRequestContextSource {
    // The server's own lines are about start and requests; the daemon says what changes.
    var quiet = logger
    quiet.logLevel = max(logger.logLevel, .warning)
    return Application(
        router: router,
        server: .http1(
            configuration: .init(
                idleTimeout: Limits.idle,
                httpDecoderConfiguration: .init(
                    maxHeaderFieldSize: Limits.headerBytes, maxHeaderListSize: Limits.headerBytes,
                    maxHeaderFieldCount: Limits.headerCount))),
        configuration: ApplicationConfiguration(address: address), onServerRunning: onRunning, logger: quiet)
}
