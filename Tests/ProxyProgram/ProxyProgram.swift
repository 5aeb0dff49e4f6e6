// SPDX-License-Identifier: Apache-2.0

import EventLoop
import Glibc
import HTTP

/// The HTTP engine as a program of its own, for tests and benchmarks against other proxies:
/// `proxyprogram PORT http1|http2 BACKEND-PORT...`; without backends every request is answered 404. By TLS where
/// PROXY_CERTIFICATE and PROXY_KEY name files.
@main
struct ProxyProgram {
    static func main() throws {
        let words = CommandLine.arguments.dropFirst()
        guard let first = words.first, let port = UInt16(first) else {
            print("usage: proxyprogram PORT [http1|http2 BACKEND-PORT...]")
            exit(2)
        }
        let version: ProxyConfiguration.Version = words.dropFirst().first == "http2" ? .http2 : .http1
        let backends = words.dropFirst(2).compactMap { UInt16($0) }.map {
            ProxyConfiguration.Backend(address: .loopback(port: $0))
        }
        let loop = try EventLoop(name: "proxy")
        loop.execute { start(loop, port, version, backends) }
        loop.run()
    }

    private static func start(
        _ loop: EventLoop, _ port: UInt16, _ version: ProxyConfiguration.Version,
        _ backends: [ProxyConfiguration.Backend]
    ) {
        do {
            let proxy = try HTTPProxy(loop: loop)
            try proxy.start()
            let service = ProxyConfiguration.Service(name: "web", version: version, backends: backends)
            var routes = [ProxyConfiguration.Route(path: "/-/answer", action: .answer(status: 200))]
            if !backends.isEmpty {
                routes.append(ProxyConfiguration.Route(action: .services([(service: 0, weight: 1)])))
            }
            proxy.apply(ProxyConfiguration(services: [service], routes: routes))
            var tls: TLSServer?
            if let chain = getenv("PROXY_CERTIFICATE"), let key = getenv("PROXY_KEY") {
                tls = try TLSServer([.init(chain: String(cString: chain), key: String(cString: key))])
            }
            try proxy.listen(
                on: Descriptor.listener(on: .loopback(port: port), backlog: 1024, reusePort: true), tls: tls)
            // It lives as long as the program.
            _ = Unmanaged.passRetained(proxy)
            print("listening on \(port)")
            fflush(nil)
        } catch {
            print("cannot start: \(error)")
            exit(1)
        }
    }
}
