// SPDX-License-Identifier: Apache-2.0

import Model
import Programs
import Relay
import Testing

@Suite struct `A sniffing listener's places` {
    private static func vip(_ text: String) throws -> VIP { try #require(VIP(text)) }

    private static func places(raw: String? = "db", tls: Bool = false) throws -> SniffPlaces {
        let vips = ["web": try vip("10.0.0.1:443/tcp"), "db": try vip("10.0.0.2:5432/tcp")]
        let passages = [
            Sniffing.Passage(host: "*.test", service: "web"), .init(host: "*.db.test", service: "db"),
            .init(host: "a.test", service: "db"),
        ]
        let own = ListenerTLS(certificates: [.init(chain: "/a.pem", key: "/a.key")])
        return SniffPlaces(
            Listener(
                name: "mixed", bind: try vip("10.0.0.9:443/tcp"), tls: tls ? own : nil,
                sniffing: Sniffing(passages: passages, raw: raw)), vips)
    }

    @Test(arguments: [
        ("a.test", "10.0.0.2:5432/tcp"), ("b.test", "10.0.0.1:443/tcp"), ("b.db.test", "10.0.0.2:5432/tcp"),
        ("c.b.test", "10.0.0.1:443/tcp"),
    ])
    func `are the most particular name's`(name: String, vip: String) throws {
        let place = try Self.places(tls: true).place(of: .tls(name: name))
        #expect(try place == .service(Self.vip(vip)))
    }

    @Test func `of other names are the listener's own where it ends TLS`() throws {
        let places = try Self.places(tls: true)
        #expect(places.place(of: .tls(name: "test")) == .http(secure: true))
        #expect(places.place(of: .tls(name: nil)) == .http(secure: true))
    }

    @Test func `of HTTP are the routes, and of all else the raw service`() throws {
        let (places, raw) = (try Self.places(), SniffPlaces.Place.service(try Self.vip("10.0.0.2:5432/tcp")))
        #expect(places.place(of: .http) == .http(secure: false))
        #expect([SniffedSpeech.raw, .undecided, .tls(name: "x.org")].map(places.place) == [raw, raw, raw])
    }

    @Test func `are none without a raw service, each with its reason`() throws {
        let places = try Self.places(raw: nil)
        #expect(places.place(of: .raw) == .refused(.unknownProtocol))
        #expect(places.place(of: .undecided) == .refused(.silent))
        #expect(places.place(of: .tls(name: "x.org")) == .refused(.unknownName))
    }
}
