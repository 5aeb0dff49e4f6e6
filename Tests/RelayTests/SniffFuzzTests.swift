// SPDX-License-Identifier: Apache-2.0

import EventLoop
import TestSupport
import Testing

@testable import Relay

struct SniffFuzzTests {
    @Test(arguments: SniffFuzzEntry.allCases)
    func `whatever octets come first, no parser breaks its promises`(entry: SniffFuzzEntry) throws {
        try Fuzzing(entry.rawValue, seeds: entry.seeds).search(entry.fault)
    }

    @Test(arguments: SniffFuzzEntry.allCases)
    func `the corpus has every seed`(entry: SniffFuzzEntry) throws {
        try #expect(Fuzzing(entry.rawValue, seeds: entry.seeds).missing() == [])
    }
}

extension SniffFuzzEntry {
    /// What mutations begin with.
    var seeds: [[UInt8]] {
        switch self {
        case .proxyHeader: Self.headers
        case .clientHello: Self.hellos
        case .sniff: SniffTests.texts.map { Array($0.0.utf8) } + Self.hellos + Self.headers
        }
    }

    private static var headers: [[UInt8]] {
        [ProxyHeaderTests.four, ProxyHeaderTests.six, ProxyHeaderTests.mixed].flatMap { header in
            [RelayPolicy.ProxyProtocol.v1, .v2].map { written(header, $0) + [1, 2, 3] }
        } + (ProxyHeaderTests.nobody + ProxyHeaderTests.malformed).map { Array($0.utf8) }
    }

    private static var hellos: [[UInt8]] {
        let both = Hello.message(Hello.alpn("http/1.1", "h2") + Hello.serverName("www.example.org"))
        return [16384, 100, 7, 1].map { Hello.records(both, of: $0) }
            + [Hello.records(Hello.message(Hello.alpn("h3"))), Hello.records(Hello.message([]))]
            + ClientHelloTests.malformed.map { Hello.records(Hello.message($0.1)) }
            + [[22, 3, 1, 0x40, 0, 1, 0xff, 0xff, 0xff], [22, 3, 1, 0, 0]]
    }
}
