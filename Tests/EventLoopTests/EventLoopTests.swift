// SPDX-License-Identifier: Apache-2.0

import EventLoop
import Glibc
import Testing

/// An actor that lives on a loop, as the modules above do.
private actor Resident {
    nonisolated let loop: EventLoop
    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }
    private(set) var seen: [String] = []
    private var registrations: [Registration] = []
    private var timers: [TimerID] = []

    init(loop: EventLoop) { self.loop = loop }

    var isOnLoop: Bool { loop.isCurrent }

    func note(_ text: String) { seen.append(text) }

    /// Names, in the order in which their timers fire.
    func fire(_ delays: [(String, Duration)]) async -> [String] {
        await withCheckedContinuation { continuation in
            for (name, delay) in delays {
                let timer = loop.timer {
                    self.seen.append(name)
                    if self.seen.count == delays.count { continuation.resume(returning: self.seen) }
                }
                timers.append(timer)
                loop.arm(timer, after: delay)
            }
        }
    }

    /// Accepts one connection on a listener of its own, connects to it and moves one line each way.
    func converse() async throws -> String {
        let listener = try Descriptor.listener(on: .loopback(port: 0))
        let client = try Descriptor.stream(for: try listener.localAddress())
        let progress = try client.connect(to: try listener.localAddress())
        if progress == .underWay { try await ready(client, for: .writable) }
        guard client.pendingError() == 0 else { return "not connected" }
        try await ready(listener, for: .readable)
        guard let server = try listener.accept() else { return "nobody came" }
        let question = Array("who is there?".utf8)
        _ = try question.withUnsafeBufferPointer { try client.send(UnsafeRawBufferPointer($0)) }
        try await ready(server, for: .readable)
        var room = [UInt8](repeating: 0, count: 64)
        let transfer = try room.withUnsafeMutableBufferPointer {
            try server.read(into: UnsafeMutableRawBufferPointer($0))
        }
        guard case .bytes(let count) = transfer else { return "\(transfer)" }
        return String(decoding: room.prefix(count), as: UTF8.self)
    }

    private func ready(_ descriptor: borrowing Descriptor, for interest: Readiness) async throws {
        let (events, stream) = AsyncStream.makeStream(of: Readiness.self)
        let registration = try loop.register(descriptor, for: interest) { stream.yield($0) }
        for await _ in events { break }
        loop.deregister(registration)
    }

    /// Two descriptors are ready at once, and the handler that runs first deregisters both.
    func deregisterWithinHandler() async throws -> Int {
        let listener = try Descriptor.listener(on: .loopback(port: 0))
        let other = try Descriptor.listener(on: .loopback(port: 0))
        let first = try Descriptor.stream(for: try listener.localAddress())
        _ = try first.connect(to: try listener.localAddress())
        let second = try Descriptor.stream(for: try other.localAddress())
        _ = try second.connect(to: try other.localAddress())
        let handler: (Readiness) -> Void = { _ in
            self.seen.append("event")
            for registration in self.registrations { self.loop.deregister(registration) }
        }
        registrations.append(try loop.register(listener, for: .readable, handler: handler))
        registrations.append(try loop.register(other, for: .readable, handler: handler))
        _ = await fire([("a", .milliseconds(20)), ("b", .milliseconds(20))])
        return seen.count { $0 == "event" }
    }
}

struct EventLoopTests {
    private func withLoop<Answer>(_ body: (EventLoop, Resident) async throws -> Answer) async throws -> Answer {
        let loop = try EventLoop.start(name: "test")
        defer { loop.stop() }
        return try await body(loop, Resident(loop: loop))
    }

    @Test func `an actor on a loop runs on the loop's thread`() async throws {
        try await withLoop { loop, resident in
            #expect(await resident.isOnLoop)
            #expect(!loop.isCurrent)
        }
    }

    @Test func `timers fire in the order of their deadlines and may touch the actor`() async throws {
        try await withLoop { _, resident in
            let order = await resident.fire([("late", .milliseconds(30)), ("now", .zero), ("soon", .milliseconds(10))])
            #expect(order == ["now", "soon", "late"])
        }
    }

    @Test func `two sockets on one loop connect and speak`() async throws {
        try await withLoop { _, resident in
            let heard = try await resident.converse()
            #expect(heard == "who is there?")
        }
    }

    @Test func `a handler that deregisters another is the last to be called, though both were ready`() async throws {
        try await withLoop { _, resident in
            let calls = try await resident.deregisterWithinHandler()
            #expect(calls == 1)
        }
    }

    @Test func `jobs from many tasks all run, in one place`() async throws {
        try await withLoop { _, resident in
            await withTaskGroup(of: Void.self) { group in
                for number in 0..<500 { group.addTask { await resident.note("\(number)") } }
            }
            #expect(await Set(resident.seen).count == 500)
        }
    }

    @Test func `work handed to a loop runs on its thread`() async throws {
        let loop = try EventLoop.start(name: "test")
        let answer = await withCheckedContinuation { continuation in
            loop.execute { continuation.resume(returning: loop.isCurrent) }
        }
        #expect(answer)
        loop.stop()
    }

    @Test func `a refused connect says so on its first event`() throws {
        let listener = try Descriptor.listener(on: .loopback(port: 0))
        let address = try listener.localAddress()
        _ = consume listener
        let client = try Descriptor.stream(for: address)
        // Loopback may answer within connect(2) already.
        do throws(EventLoopError) {
            _ = try client.connect(to: address)
            var poll = pollfd(fd: client.rawValue, events: Int16(POLLOUT), revents: 0)
            #expect(Glibc.poll(&poll, 1, 1000) == 1)
            #expect(client.pendingError() == ECONNREFUSED)
        } catch {
            #expect(error.errno == ECONNREFUSED)
        }
    }

    @Test func `an error says operation, subject and cause`() {
        let error = EventLoopError(operation: "connect", subject: "10.0.0.1:80", errno: ECONNREFUSED)
        #expect(error.description == "connect 10.0.0.1:80: Connection refused")
    }

    @Test func `a descriptor that is watched twice is an error`() async throws {
        let loop = try EventLoop(name: "test")
        let answer = await withCheckedContinuation { (continuation: CheckedContinuation<Int32, Never>) in
            loop.execute {
                do throws(EventLoopError) {
                    let socket = try Descriptor.listener(on: .loopback(port: 0))
                    _ = try loop.register(socket, for: .readable) { _ in }
                    _ = try loop.register(socket, for: .readable) { _ in }
                    continuation.resume(returning: 0)
                } catch {
                    continuation.resume(returning: error.errno)
                }
                loop.stop()
            }
            loop.run()
        }
        #expect(answer == EEXIST)
    }
}

struct SocketAddressTests {
    @Test(arguments: [
        (SocketAddress.loopback(port: 80), "127.0.0.1:80"),
        (SocketAddress(v4: 0x0a00_0102, port: 443), "10.0.1.2:443"),
        (SocketAddress(high: 0x2001_0db8_0000_0000, low: 1, port: 53), "[2001:db8:0:0:0:0:0:1]:53"),
    ])
    func `addresses are written with their port`(address: SocketAddress, text: String) {
        #expect(address.description == text)
    }

    @Test func `an IPv6 socket's own address comes back as it was given`() throws {
        let loopback = SocketAddress(high: 0, low: 1, port: 0)
        let socket = try Descriptor.listener(on: loopback)
        let address = try socket.localAddress()
        #expect(address.low == 1 && address.high == 0 && address.port != 0)
    }
}
