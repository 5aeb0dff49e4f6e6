// SPDX-License-Identifier: Apache-2.0

import EventLoop
import HTTP
import Model
import Programs

/// Requests of HTTP. Each listener has a proxy of its own, with its routes and connections.
final class HTTPHandler: ListenerHandler {
    private let loop: EventLoop
    private let limits: ProxyLimits
    private var proxies: [ListenerKey: ProxyWorker] = [:]
    /// Of listeners that are gone: they finish what is under way.
    private var leaving: [(key: ListenerKey, proxy: ProxyWorker)] = []
    /// What those that have finished had counted.
    private var finished = WorkerFigures()
    private var content = HTTPContent()
    private var tls = ListenerCertificates()
    private var logs = AccessLogs()

    init(loop: EventLoop, limits: ProxyLimits) {
        self.loop = loop
        self.limits = limits
    }

    func listen(on socket: consuming Descriptor, for key: ListenerKey) throws {
        let server = try tls.server(of: key)
        let proxy = try serve(key)
        // A closure cannot take over what has one owner; its number it can.
        let number = socket.release()
        try proxy.assumeIsolated { try $0.listen(on: Descriptor(adopting: number), tls: server) }
    }

    /// Makes a listener's proxy ready. Routes first: what waits in a socket's queue comes at once.
    @discardableResult
    func serve(_ key: ListenerKey) throws -> ProxyWorker {
        let proxy = proxies[key] ?? ProxyWorker(loop: loop, limits: limits)
        if let log = logs[key] { try proxy.assumeIsolated { try $0.log(to: log) } }
        // Kept also where its socket is refused: the loop calls a proxy that has started until it is stopped.
        proxies[key] = proxy
        if let configuration = content.configuration(of: key.vip) {
            proxy.assumeIsolated { $0.apply(configuration) }
        }
        return proxy
    }

    /// Takes a connection of a listener that was made ready, whose octets are all there yet.
    ///
    /// - Parameter secure: it speaks TLS, which ends here.
    func adopt(_ socket: consuming Descriptor, from client: SocketAddress, of key: ListenerKey, secure: Bool) throws {
        guard let proxy = proxies[key] else { return }
        let server = secure ? try tls.server(of: key) : nil
        let number = socket.release()
        try proxy.assumeIsolated {
            try $0.adopt(Descriptor(adopting: number), from: client, tls: server)
        }
    }

    func stopListening(on key: ListenerKey) {
        guard let proxy = proxies.removeValue(forKey: key) else { return }
        proxy.assumeIsolated { $0.drain() }
        leaving.append((key, proxy))
        logs.leave(key)
        tls.forget(key)
    }

    func prepare(_ order: WorkerOrder) throws -> () -> Void {
        let down = Set(order.down.map(BackendID.init(rawValue:)))
        let content = HTTPContent(routing: try order.routing(), services: try order.routed(), down: down)
        var tls = tls
        try tls.take(order, content.routing)
        var changes: [(proxy: ProxyWorker, configuration: ProxyConfiguration, server: TLSServer?)] = []
        for (key, proxy) in proxies {
            // A listener that is gone keeps its routes until its socket is taken away.
            guard tls.serves(key), let configuration = content.configuration(of: key.vip) else { continue }
            changes.append((proxy, configuration, try tls.server(of: key)))
        }
        return { [self, tls] in
            (self.content, self.tls) = (content, tls)
            for change in changes {
                // In the order of `listen`: what comes now finds its routes.
                change.proxy.assumeIsolated {
                    $0.apply(change.configuration)
                    $0.replace(tls: change.server)
                }
            }
            letGo()
        }
    }

    /// Of proxies of listeners that are gone those that have nothing under way.
    private func letGo() {
        leaving.removeAll { key, proxy in
            guard Self.isIdle(proxy) else { return false }
            finished.add(WorkerFigures(http: [Self.figures(of: key, proxy)]).withoutActive)
            proxy.assumeIsolated { $0.stop() }
            return true
        }
    }

    func drain() {
        for proxy in proxies.values { proxy.assumeIsolated { $0.drain() } }
    }

    var isIdle: Bool {
        proxies.values.allSatisfy(Self.isIdle) && leaving.allSatisfy { Self.isIdle($0.proxy) } && logs.areIdle
    }

    // MARK: Access logs

    /// A line a request of the listener goes there from now on.
    func log(to file: consuming Descriptor, of key: ListenerKey, _ listener: String) throws {
        let log = try logs.open(file, of: key, listener)
        try proxies[key]?.assumeIsolated { try $0.log(to: log) }
    }

    func endLog(of key: ListenerKey) throws {
        logs.leave(key)
        try proxies[key]?.assumeIsolated { try $0.log(to: nil) }
    }

    /// The process ends: what is gathered goes out, as far as that takes no time.
    func flushLogs() { logs.flush() }

    /// Since the worker began, those of listeners that are gone among them: they may come again.
    var figures: [WorkerFigures.HTTPListener] {
        var sum = finished
        for (key, proxy) in leaving { sum.add(WorkerFigures(http: [Self.figures(of: key, proxy)])) }
        for (key, proxy) in proxies { sum.add(WorkerFigures(http: [Self.figures(of: key, proxy)])) }
        return sum.http
    }

    private static func figures(of key: ListenerKey, _ proxy: ProxyWorker) -> WorkerFigures.HTTPListener {
        proxy.assumeIsolated { .init(key, $0.counters, $0.traffic, open: $0.openConnections) }
    }

    private static func isIdle(_ proxy: ProxyWorker) -> Bool { proxy.assumeIsolated { $0.openConnections == 0 } }
}

extension ProxyLimits {
    /// Of one listener's proxy in a worker that may have so many descriptors.
    init(descriptors: Int) {
        self.init()
        connections = max(64, min(connections, (descriptors - 2048) / 8))
    }
}

extension WorkerFigures.HTTPListener {
    fileprivate init(_ key: ListenerKey, _ counters: ProxyCounters, _ traffic: ProxyTraffic, open: Int) {
        self.init(
            key: key, accepted: counters.connections, active: open, requests: counters.requests, traffic: traffic)
    }
}
