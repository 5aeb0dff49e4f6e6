// SPDX-License-Identifier: Apache-2.0

import HTTP
import Model
import Programs
import TestSupport
import Testing

@testable import sluiced

/// What becomes of the certificates of this host's listeners.
@Suite(.requires("openssl")) struct ListenerFileTests {
    /// A listener and its files.
    struct Site {
        let directory: TemporaryDirectory
        let listener: Listener

        init() throws {
            directory = try TemporaryDirectory()
            let path = directory.path
            _ = try Shell.run(
                """
                openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=one.test -days 30 \
                -keyout \(path)/key -out \(path)/chain 2>/dev/null && chmod 600 \(path)/key
                """)
            let tls = ListenerTLS(certificates: [.init(chain: "\(path)/chain", key: "\(path)/key")])
            listener = Listener(name: "front", bind: try #require(VIP("10.0.0.9:443/tcp")), tls: tls)
        }

        var clear: Listener { Listener(name: listener.name, bind: listener.bind) }

        func generation(_ listener: Listener) -> Generation {
            Generation(epoch: 1, number: 1, seed: 7, routing: Routing(listeners: [listener]))
        }

        func order(_ listener: Listener, tls: [String: TLSMaterial] = [:]) -> WorkerOrder {
            WorkerOrder(generation(listener), services: [], down: [], workers: 1, tls: tls)
        }
    }

    @Test func `a key that turns is no certificate that was read`() throws {
        let site = try Site()
        let routing = Routing(listeners: [site.listener])
        var files = ListenerFiles()
        #expect(files.look(routing, at: .zero) == .files)
        #expect(files.look(routing, at: .seconds(7199)) == [])
        #expect(files.look(routing, at: .seconds(7200)) == .keys)
    }

    @Test func `a listener that speaks TLS no longer leaves no key behind`() throws {
        let site = try Site()
        let key = ListenerKey(site.listener)
        var files = ListenerFiles()
        _ = files.look(Routing(listeners: [site.listener]), at: .zero)
        var certificates = ListenerCertificates()
        try certificates.take(site.order(site.listener, tls: files.materials), Routing(listeners: [site.listener]))
        #expect(try certificates.server(of: key) != nil)
        try certificates.take(site.order(site.clear), Routing(listeners: [site.clear]))
        #expect(try certificates.server(of: key) == nil)
        try certificates.take(site.order(site.listener), Routing(listeners: [site.listener]))
        #expect(throws: NoCertificates.self) { try certificates.server(of: key) }
    }
}
