// SPDX-License-Identifier: Apache-2.0

import CDataplane
import Model
import TestSupport
import Testing

@testable import Dataplane

@Suite struct AccessListTests {
    private func list(_ allow: [String], _ deny: [String], vip: String = "10.9.9.9:80/tcp") throws -> AccessList {
        var service = VirtualService(name: "web", vip: try #require(VIP(vip)))
        service.allow = try allow.map { try #require(IPPrefix($0)) }
        service.deny = try deny.map { try #require(IPPrefix($0)) }
        return AccessList(PlacedService(id: ServiceID(rawValue: 3), table: 0, service: service, backends: []))
    }

    @Test(
        "allow and deny become one answer for the longest prefix",
        arguments: [
            // allow, deny, what is told apart, others
            ([], [], [], true),
            (["0.0.0.0/0"], [], [], true),
            (["10.0.0.0/8"], [], ["+10.0.0.0/8"], false),
            ([], ["10.0.0.0/8"], ["-10.0.0.0/8"], true),
            (["10.0.0.0/8"], ["10.1.0.0/16"], ["+10.0.0.0/8", "-10.1.0.0/16"], false),
            (["10.1.0.0/16"], ["10.0.0.0/8"], [], false),  // deny wins over what is within
            (["0.0.0.0/0"], ["10.0.0.0/8"], ["-10.0.0.0/8"], true),
            (["10.0.0.0/8", "10.1.0.0/16"], [], ["+10.0.0.0/8"], false),
            (["10.0.0.0/8", "10.1.2.0/24"], ["10.1.0.0/16"], ["+10.0.0.0/8", "-10.1.0.0/16"], false),
            (["2001:db8::/32"], [], [], false),  // no IPv4 client is of it
            ([], ["::/0"], [], true),
            (["0.0.0.0/0"], ["0.0.0.0/0"], [], false),
        ] as [([String], [String], [String], Bool)])
    func merge(allow: [String], deny: [String], entries: [String], others: Bool) throws {
        let list = try list(allow, deny)
        #expect(list.entries.map { "\($0.allows ? "+" : "-")\($0.prefix)" } == entries)
        #expect(list.allowsOthers == others)
    }

    @Test func `the filter has the bit of every client that a prefix names`() throws {
        var random = SplitMix(seed: 11)
        for (text, vip) in [
            ("10.0.0.0/8", "10.9.9.9:80/tcp"), ("192.0.2.0/24", "10.9.9.9:80/tcp"),
            ("198.18.0.0/15", "10.9.9.9:80/tcp"),
            ("2001:db8::/32", "[2001:db8::1]:80/tcp"), ("2001:db8:1::/48", "[2001:db8::1]:80/tcp"),
            ("2001::/24", "[2001:db8::1]:80/tcp"), ("2000::/3", "[2001:db8::1]:80/tcp"),
        ] {
            let list = try list([text], [], vip: vip)
            let words = AccessFilter.words(of: list.entries)
            let prefix = try #require(list.entries.first?.prefix)
            for _ in 0..<200 {
                let high = mask(UInt64.self, length: prefix.mappedLength)
                let low = mask(UInt64.self, length: prefix.mappedLength - 64)
                let client = IPAddress(
                    high: prefix.address.high | random.next() & ~high, low: prefix.address.low | random.next() & ~low)
                let bit = access_filter_bit(CDataplane.address(client), 3)
                #expect(words[Int(bit) / 64] >> UInt64(bit % 64) & 1 == 1, "\(client) of \(text)")
            }
        }
    }

    @Test func `an entry's key reads back`() throws {
        for list in [try list(["10.0.0.0/9"], []), try list(["2001:db8::/33"], [], vip: "[2001:db8::1]:80/tcp")] {
            let entry = try #require(list.entries.first)
            #expect(entry.key.entry(entry.value) == entry)
        }
    }
}
