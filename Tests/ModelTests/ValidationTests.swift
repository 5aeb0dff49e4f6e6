// SPDX-License-Identifier: Apache-2.0

import Model
import Testing

@Suite struct ValidationTests {
    func problems(_ change: (inout DesiredState) throws -> Void) throws -> [String] {
        var state = DesiredState(entries: [
            try desired("10.0.0.1:443/tcp -> a, b", name: "web"), try desired("10.0.0.2:443/tcp -> a, b", name: "api"),
        ])
        try change(&state)
        return state.problems.map(\.description)
    }

    @Test func `a sound state has no problems`() throws {
        #expect(try problems { _ in }.isEmpty)
        #expect(try problems { $0.entries[0].backends = [] }.isEmpty)
        #expect(try problems { $0.entries[0].backends[0].weight = 0 }.isEmpty)
    }

    @Test func `all problems are listed, each with its code`() throws {
        var state = DesiredState(entries: [
            try desired("10.0.0.1:443/tcp -> a, a", name: "web"), try desired("10.0.0.1:443/tcp -> a w0", name: "api"),
            try desired("10.0.0.3:443/tcp -> a", name: "web"),
        ])
        state.entries[0].service.drain = .seconds(-1)
        let error = #expect(throws: ValidationError.self) {
            try Generation.next(desired: state, previous: nil, epoch: 1, seed: 1, now: 0)
        }
        #expect(
            error?.description == """
                service web: drain -1.0 seconds is not within 0.0 seconds and 2592000.0 seconds
                service web: backend a: there are two of this name
                service api: VIP 10.0.0.1:443/tcp belongs to service web
                service api: the weight is 0 everywhere: no backend takes new flows
                service web: there are two of this name
                """)
        #expect(error?.problems.map(\.code) == [.value, .duplicate, .duplicate, .weights, .duplicate])
        #expect(error?.exitStatus == 1)
    }

    @Test(arguments: [
        ("0.0.0.5:1/tcp -> a", "VIP address 0.0.0.5 is unspecified"), ("127.0.0.1:1/tcp -> a", "a loopback address"),
        ("224.0.0.1:1/tcp -> a", "a multicast address"), ("255.255.255.255:1/tcp -> a", "the broadcast address"),
        ("[::1]:1/tcp -> a", "a loopback address"), ("[ff02::1]:1/tcp -> a", "a multicast address"),
        ("10.0.0.1:1/tcp -> a @0.0.0.0", "backend a: address 0.0.0.0 is unspecified"),
        ("10.0.0.1:1/tcp -> a @10.0.0.1", "backend a: its address is the VIP's: packets would come back"),
        ("[2001:db8::1]:1/tcp -> a @10.0.0.1", "ipip cannot carry the IPv6 of VIP [2001:db8::1]:1/tcp to 10.0.0.1"),
    ])
    func `an address that cannot serve is refused`(text: String, message: String) throws {
        let entry = try desired(text)
        let problems = DesiredState(entries: [entry]).problems.map(\.description)
        #expect(problems.count == 1)
        #expect(problems.first?.hasPrefix("service web: ") == true && problems.first?.hasSuffix(message) == true)
    }

    @Test func `an IPv4 VIP may have IPv6 backends: there is a tunnel for it`() throws {
        #expect(DesiredState(entries: [try desired("10.0.0.1:1/tcp -> a @2001:db8::1")]).problems.isEmpty)
    }

    @Test func `local backends may have any address`() throws {
        #expect(try problems { $0.entries[0].service.forwarding = .local }.isEmpty)
        var entry = try desired("10.0.0.1:1/tcp -> a @127.0.0.1, b @10.0.0.1")
        entry.service.forwarding = .local
        #expect(DesiredState(entries: [entry]).problems.isEmpty)
    }

    @Test func `values out of their range are refused by name`() throws {
        let problems = try problems { state in
            state.entries[0].service.flowIdle = .seconds(72 * 3600 + 1)
            state.entries[0].service.udpIdle = .microseconds(1_500_500)
            state.entries[0].service.brake = Brake(minimumActive: -1, maximumRemoved: 101)
            state.entries[0].service.allow = [try #require(IPPrefix("2001:db8::/32"))]
            state.entries[0].backends[0].weight = 1_000_001
            state.entries[0].backends[1].name = "b\n"
            state.entries[1].service.name = ""
            state.entries[1].service.health = HealthCheck(
                probe: .http(port: nil, path: "x y", host: "", status: 1...999), interval: .zero, rise: 0, fall: 5000)
        }
        let expected = [
            "flow-idle 259201.0 seconds", "udp-idle 1.5005 seconds is finer", "min-active -1", "max-removed 101%",
            "no client of VIP 10.0.0.1:443/tcp is in its allow list", "backend a: weight 1000001 is above 1000000",
            "the name has control",
            "is empty",
            "health: interval 0.0 seconds", "health: rise 0", "health: fall 5000", "health: path x y", "health: host ",
            "health: status 1-999",
        ]
        #expect(problems.count == expected.count)
        for (problem, part) in zip(problems, expected) { #expect(problem.contains(part)) }
    }

    @Test func `more backends than slots are refused`() throws {
        let problems = try problems { state in
            state.entries[0].backends = (0..<4100).map {
                Backend(name: "b\($0)", address: IPAddress(v4: 0x0a00_0100), port: 1)
            }
        }
        #expect(problems == ["service web: 4100 backends do not fit a table of 4099 slots"])
    }

    @Test func `the brake alone exits with the brake's status`() {
        let held = ValidationError.Problem(.brake, "service web", "held back")
        let wrong = ValidationError.Problem(.value, "", "wrong")
        #expect(ValidationError([held])?.exitStatus == 6)
        #expect(ValidationError([held, wrong])?.exitStatus == 1)
        #expect(ValidationError([]) == nil)
    }
}
