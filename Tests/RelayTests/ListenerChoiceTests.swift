// SPDX-License-Identifier: Apache-2.0

import BPF
import EventLoop
import Glibc
import Model
import TestSupport
import Testing

@testable import Relay

/// The kernel's choice of a worker's socket against Swift's, with real sockets in a namespace.
@Suite(.serialized, .requires("root", "bpf", "clang", "netns")) struct ListenerChoiceTests {
    private static func choice() throws -> ListenerChoice {
        let compiler = Compiler(cache: RepositoryRoot.objectCache)
        let source = RepositoryRoot.path + "/bpf/reuseport.bpf.c"
        return try ListenerChoice(object: compiler.compile(source: source).path)
    }

    private static let four = IPAddress(v4: 0x7f00_0001)
    private static let six = IPAddress(high: 0, low: 1)
    private static let workers = 4

    /// Sockets of one group, a worker each, as numbers: whoever made them closes them.
    private static func listeners(
        _ address: IPAddress, _ transport: TransportProtocol
    ) throws -> (port: UInt16, [Int32]) {
        var port: UInt16 = 0
        var numbers: [Int32] = []
        for _ in 0..<workers {
            let socket = SocketAddress(high: address.high, low: address.low, port: port)
            let descriptor =
                transport == .tcp
                ? try Descriptor.listener(on: socket, backlog: 512, reusePort: true)
                : try Descriptor.datagramListener(on: socket, reusePort: true)
            port = try descriptor.localAddress().port
            numbers.append(descriptor.release())
        }
        return (port, numbers)
    }

    private static func place(_ choice: ListenerChoice, _ numbers: [Int32], from first: Int) throws {
        for (worker, number) in numbers.enumerated() {
            let descriptor = Descriptor(adopting: number)
            try choice.place(descriptor, at: first + worker)
            if worker == 0 { try choice.attach(to: descriptor) }
            _ = descriptor.release()
        }
    }

    private static func service(_ vip: VIP, _ key: FlowKey) throws -> RelayService {
        let placed = Fixture.service(vip, ports: [1]) { $0.flowKey = key }
        return try #require(Fixture.table(placed).services[vip])
    }

    /// The worker at whose socket something waits.
    private static func receiver(_ numbers: [Int32]) -> Int? {
        var polls = numbers.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        guard poll(&polls, nfds_t(polls.count), 5000) > 0 else { return nil }
        return polls.firstIndex { $0.revents & Int16(POLLIN) != 0 }
    }

    /// Flows whose worker was another than Swift says, and how many each worker had.
    private static func disagreements(
        _ address: IPAddress, _ transport: TransportProtocol, _ key: FlowKey, flows: Int
    ) throws -> (wrong: [String], shares: [Int]) {
        let (port, numbers) = try listeners(address, transport)
        defer { for number in numbers { close(number) } }
        let vip = VIP(address: address, port: port, transport: transport)
        let service = try service(vip, key)
        let choice = try choice()
        try choice.direct(service, toWorkers: workers, first: 100)
        try place(choice, numbers, from: 100)
        var wrong: [String] = []
        var shares = [Int](repeating: 0, count: workers)
        for number in 0..<flows {
            // Many sources, where the loopback has many.
            let low = address.isIPv4 ? 0xffff_7f00_0001 + UInt64(number % 50) : 1
            let target = SocketAddress(high: address.high, low: address.low, port: port)
            let client =
                transport == .tcp ? try Descriptor.stream(for: target) : try Descriptor.datagram(for: target)
            try client.bind(to: SocketAddress(high: 0, low: low, port: 0))
            _ = client.begin(connectTo: target)
            if transport == .udp { _ = withUnsafeBytes(of: UInt8(1)) { client.put($0) } }
            let expected = service.flow(from: try client.localAddress()).worker(of: workers)
            let worker = receiver(numbers)
            if worker != expected { wrong.append("\(try client.localAddress()): \(worker as Any), not \(expected)") }
            guard let worker else { break }
            shares[worker] += 1
            drain(numbers[worker], transport)
        }
        return (wrong, shares)
    }

    private static func drain(_ number: Int32, _ transport: TransportProtocol) {
        if transport == .tcp {
            close(accept(number, nil, nil))
        } else {
            var byte: UInt8 = 0
            recv(number, &byte, 1, 0)
        }
    }

    @Test(arguments: [(four, FlowKey.fiveTuple), (six, .fiveTuple), (four, .sourceIP)])
    func `a connection comes to the worker that Swift names`(address: IPAddress, key: FlowKey) throws {
        let namespace = try NetworkNamespace()
        let found = try namespace.inside { try Self.disagreements(address, .tcp, key, flows: 1000) }
        #expect(found.wrong.prefix(3) == [])
        #expect(found.shares.allSatisfy { $0 > 100 })
    }

    @Test(arguments: [four, six])
    func `a datagram comes to the worker that Swift names`(address: IPAddress) throws {
        let namespace = try NetworkNamespace()
        let found = try namespace.inside { try Self.disagreements(address, .udp, .fiveTuple, flows: 1000) }
        #expect(found.wrong.prefix(3) == [])
        #expect(found.shares.allSatisfy { $0 > 100 })
    }

    /// The workers that connections from these clients come to, where sources are gathered.
    private static func gathering(_ clients: [IPAddress]) throws -> Set<Int> {
        let (port, numbers) = try listeners(six, .tcp)
        defer { for number in numbers { close(number) } }
        let choice = try choice()
        let vip = VIP(address: six, port: port, transport: .tcp)
        try choice.direct(vip, by: .fiveTuple, seed: 7, toWorkers: workers, first: 100, gathersSources: true)
        try place(choice, numbers, from: 100)
        let target = SocketAddress(high: six.high, low: six.low, port: port)
        var receivers: Set<Int> = []
        for address in clients {
            let client = try Descriptor.stream(for: target)
            try client.bindFreely(family: AF_INET6)
            try client.bind(to: SocketAddress(high: address.high, low: address.low, port: 0))
            _ = client.begin(connectTo: target)
            let worker = try #require(receiver(numbers))
            receivers.insert(worker)
            drain(numbers[worker], .tcp)
        }
        return receivers
    }

    @Test(arguments: [(true, 1), (false, workers)])
    func `connections of one IPv6 network come to one worker`(isOne: Bool, met: Int) throws {
        let namespace = try NetworkNamespace()
        try namespace.run("ip -6 route add local fd00::/16 dev lo")
        let receivers = try namespace.inside {
            try Self.gathering(
                (1...60).map { number in
                    IPAddress(high: 0xfd00 << 48 | (isOne ? 5 : number), low: number << 40 | 1)
                })
        }
        #expect(receivers.count == met)
    }

    @Test func `a worker without a socket is stood in for by the next`() throws {
        let namespace = try NetworkNamespace()
        let receivers = try namespace.inside {
            let (port, numbers) = try Self.listeners(Self.four, .tcp)
            defer { for number in numbers.dropFirst() { close(number) } }
            let choice = try Self.choice()
            let vip = VIP(address: Self.four, port: port, transport: .tcp)
            try choice.direct(Self.service(vip, .fiveTuple), toWorkers: Self.workers, first: 0)
            try Self.place(choice, numbers, from: 0)
            close(numbers[0])
            var receivers: [Int] = []
            for _ in 0..<200 {
                let client = try PlainSocket(connectedTo: .loopback(port: port))
                guard let worker = Self.receiver(Array(numbers.dropFirst())) else { break }
                receivers.append(worker)
                Self.drain(numbers[1 + worker], .tcp)
                _ = client
            }
            return receivers
        }
        #expect(receivers.count == 200)
        // The first of those left has its own share and its neighbour's.
        #expect(receivers.count { $0 == 0 } > 70)
    }

    /// Old workers leave with connections in their queues.
    @Test func `an upgrade sends what is new to the new workers, and what waits to be accepted follows`() throws {
        let namespace = try NetworkNamespace()
        let (migrates, heard) = try namespace.inside {
            let (port, old) = try Self.listeners(Self.four, .tcp)
            let choice = try Self.choice()
            let vip = VIP(address: Self.four, port: port, transport: .tcp)
            let service = try Self.service(vip, .fiveTuple)
            try choice.direct(service, toWorkers: Self.workers, first: 0)
            try Self.place(choice, old, from: 0)
            let waiting = try (0..<50).map { _ in try PlainSocket(connectedTo: .loopback(port: port)) }
            for client in waiting { client.write("w") }
            let new = try (0..<Self.workers).map { worker in
                let socket = try Descriptor.listener(on: .loopback(port: port), backlog: 512, reusePort: true)
                try choice.place(socket, at: 64 + worker)
                return socket.release()
            }
            try choice.direct(service, toWorkers: Self.workers, first: 64)
            let late = try (0..<50).map { _ in try PlainSocket(connectedTo: .loopback(port: port)) }
            for client in late { client.write("l") }
            for number in old { close(number) }
            var heard: [UInt8] = []
            for number in new {
                while case let accepted = accept(number, nil, nil), accepted >= 0 {
                    var byte: UInt8 = 0
                    if recv(accepted, &byte, 1, 0) == 1 { heard.append(byte) }
                    close(accepted)
                }
                close(number)
            }
            return (choice.migrates, heard)
        }
        #expect(heard.count { $0 == UInt8(ascii: "l") } == 50)
        if migrates { #expect(heard.count { $0 == UInt8(ascii: "w") } == 50) }
    }

    @Test func `a socket that has another place already moves`() throws {
        let (port, numbers) = try Self.listeners(Self.four, .tcp)
        defer { for number in numbers { close(number) } }
        let service = try Self.service(VIP(address: Self.four, port: port, transport: .tcp), .fiveTuple)
        let choice = try Self.choice()
        try Self.place(choice, numbers, from: 200)
        let third = Descriptor(adopting: numbers[3])
        for _ in 0..<2 { try choice.place(third, at: 300) }
        _ = third.release()
        try choice.direct(service, toWorkers: 1, first: 300)
        for _ in 0..<20 {
            let client = try Descriptor.stream(for: .loopback(port: port))
            _ = try client.connect(to: .loopback(port: port))
            #expect(Self.receiver(numbers) == 3)
            close(accept(numbers[3], nil, nil))
        }
    }
}
