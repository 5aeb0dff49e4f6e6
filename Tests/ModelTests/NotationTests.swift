// SPDX-License-Identifier: Apache-2.0

import Model
import Testing

@Suite struct NotationTests {
    @Test(arguments: [
        "10.0.0.1:443/tcp -> a:8443 w2, b:8443 draining", "10.0.0.1:443/tcp -> a", "10.0.0.1:443/tcp ->",
        "[2001:db8::1]:53/udp -> node-1/dns w0 down, 10.0.0.9:5353, [2001:db8::9]:53", "10.0.0.1:any/tcp -> a:80, b",
        "10.0.0.1:443/tcp -> a #1 @10.1.0.1 w3 draining", "10.0.0.1:443/tcp -> 10.1.0.1:443 @10.1.0.2",
        "10.0.0.1:443/tcp -> 10.1.0.1:443:8443", "10.0.0.1:443/tcp -> a:b",
    ])
    func `a service's line reads back as it is written`(text: String) throws {
        let notation = try #require(Notation(text))
        #expect(notation.description == text)
        #expect(Notation(notation.description) == notation)
    }

    @Test(arguments: [
        "", "10.0.0.1:443/tcp", "10.0.0.1:443 -> a", "10.0.0.1:443/tcp -> ", "10.0.0.1:443/tcp -> a,", "a -> b",
        "10.0.0.1:443/tcp -> a gone", "10.0.0.1:443/tcp -> a w-1", "10.0.0.1:443/tcp -> a w1000001",
        "10.0.0.1:443/tcp -> a @10.0.0", "10.0.0.1:443/tcp -> a #70000", "10.0.0.1:443/tcp => a",
    ])
    func `anything else is no service`(text: String) {
        #expect(Notation(text) == nil)
    }

    @Test func `a name that is an address and a port says both`() throws {
        let notation = try #require(Notation("10.0.0.1:443/tcp -> 10.1.0.4:8443 w2"))
        #expect(
            notation.wanted
                == [Backend(name: "10.1.0.4:8443", address: IPAddress(v4: 0x0a01_0004), port: 8443, weight: 2)])
    }

    @Test func `a name that ends like a port is written with its port`() throws {
        let vip = try #require(VIP("10.0.0.1:443/tcp"))
        let notation = Notation(vip: vip, backends: [.init(name: "x:80", port: 443)])
        #expect(notation.description == "10.0.0.1:443/tcp -> x:80:443")
        #expect(Notation(notation.description) == notation)
    }

    @Test func `what probes see down is said, and what drains is said first`() throws {
        var fleet = Fleet(entries: [try desired("10.0.0.1:443/tcp -> a, b, c")])
        try fleet.step(at: 0)
        fleet.entries = [try desired("10.0.0.1:443/tcp -> a, b")]
        try fleet.step(at: 1)
        let down: Set<BackendID> = [BackendID(rawValue: 2), BackendID(rawValue: 3)]
        #expect(Notation(try fleet.service(), down: down).description == "10.0.0.1:443/tcp -> a, b down, c draining")
    }
}
