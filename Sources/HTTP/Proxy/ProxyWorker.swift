// SPDX-License-Identifier: Apache-2.0

import EventLoop

/// A proxy on one loop, for who lives elsewhere: workers with a loop each share the work by sockets of one SO_REUSEPORT
/// group; each has its own connections to backends.
public actor ProxyWorker {
    public nonisolated let loop: EventLoop
    public nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }
    private let limits: ProxyLimits
    private var proxy: HTTPProxy?
    private var configuration: ProxyConfiguration?

    public init(loop: EventLoop, limits: ProxyLimits = ProxyLimits()) {
        self.loop = loop
        self.limits = limits
    }

    /// Takes what comes to a listening socket from now on.
    public func listen(on socket: consuming Descriptor, tls: TLSServer? = nil) throws(EventLoopError) {
        try running().listen(on: socket, tls: tls)
    }

    /// New connections of a listener, by its place among those that were added, use these certificates.
    public func replace(tls: TLSServer, ofListener number: Int) throws(EventLoopError) {
        try running().replace(tls: tls, ofListener: number)
    }

    /// New connections of all listeners use these certificates; nil: they speak in clear.
    public func replace(tls: TLSServer?) { proxy?.replace(tls: tls) }

    /// Takes a connection that somebody else accepted, and of which nothing was read (MSG_PEEK tells what it speaks).
    public func adopt(
        _ socket: consuming Descriptor, from client: SocketAddress, tls: TLSServer? = nil
    ) throws(EventLoopError) {
        try running().adopt(socket, from: client, tls: tls)
    }

    /// Puts a configuration in force in one step; requests under way keep their backends.
    public func apply(_ configuration: ProxyConfiguration) {
        self.configuration = configuration
        proxy?.apply(configuration)
    }

    /// Takes nothing new, and tells clients to go elsewhere; what is under way goes on.
    public func drain() { proxy?.drain() }

    /// Closes what is still open. The loop itself goes on.
    public func stop() {
        proxy?.stop()
        proxy = nil
    }

    public var counters: ProxyCounters { proxy?.counters ?? ProxyCounters() }

    /// From now on a line a request goes there; nil: none does.
    public func log(to log: AccessLog?) throws(EventLoopError) { try running().log(to: log) }

    /// Nothing waits to be written to its log.
    public var isLogWritten: Bool { proxy?.accessLog?.isIdle ?? true }

    /// What was carried, by route and backend.
    public var traffic: ProxyTraffic { proxy?.traffic ?? ProxyTraffic() }

    /// Connections open now, of clients and to backends.
    public var openConnections: Int { proxy?.openConnections ?? 0 }

    private func running() throws(EventLoopError) -> HTTPProxy {
        if let proxy { return proxy }
        let fresh = try HTTPProxy(loop: loop, limits: limits)
        try fresh.start()
        if let configuration { fresh.apply(configuration) }
        proxy = fresh
        return fresh
    }
}
