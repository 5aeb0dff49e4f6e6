// SPDX-License-Identifier: Apache-2.0

import EventLoop
import Glibc
import Model
import Synchronization
import TestSupport
import Testing

@testable import Relay

/// What both sides of all transfers came to.
private final class Findings: Sendable {
    struct State {
        var next = 0
        var running = 0
        var clients: [Int: TransferEnd.Outcome] = [:]
        var backends: [Int: TransferEnd.Outcome] = [:]
    }

    let state = Mutex(State())
    let transfers: [Transfer]

    init(_ transfers: [Transfer]) { self.transfers = transfers }

    /// What is wrong, with its transfer.
    var faults: [String] {
        state.withLock { state in
            transfers.compactMap { transfer in
                let (client, backend) = (state.clients[transfer.number], state.backends[transfer.number])
                return isRight(transfer, client, backend)
                    ? nil : "\(transfer): client \(client as Any), backend \(backend as Any)"
            }
        }
    }

    /// A side whose other side reset has what was sent before, and no orderly end in its place; it may be through with
    /// all of its own by then, or never have begun.
    private func isRight(
        _ transfer: Transfer, _ client: TransferEnd.Outcome?, _ backend: TransferEnd.Outcome?
    ) -> Bool {
        if transfer.clientReset >= 0 {
            return client == .resetItself && (backend == nil || backend == .wasReset || backend == .whole)
        }
        if transfer.backendReset >= 0 {
            return backend == .resetItself && (client == .wasReset || client == .whole)
        }
        return client == .whole && backend == .whole
    }
}

@Suite(.serialized) struct TransferTests {
    /// `SLUICE_TRANSFERS`: 5,000 is the whole.
    private static let count = getenv("SLUICE_TRANSFERS").flatMap { Int(String(cString: $0)) } ?? 150
    private static let largest = 50_000_000

    @Test(arguments: [false, true])
    func `every byte of transfers with half-closes, stalled readers and resets arrives`(spliced: Bool) async throws {
        var random = SplitMix(for: "transfers, spliced \(spliced)")
        let transfers = (0..<Self.count / 2).map {
            Transfer(number: $0, largest: Self.largest, random: &random)
        }
        let findings = Findings(transfers)
        let listener = try PlainListener()
        let limits = RelayLimits(
            connections: 256, pipes: spliced ? 32 : 0, spliceAfter: spliced ? 65536 : .max)
        let fixture = try await Fixture(ports: [listener.port], limits: limits)
        try serve(listener, findings)
        let address = fixture.address
        for _ in 0..<6 {
            findings.state.withLock { $0.running += 1 }
            try DetachedThread.run { Self.transfer(to: address, findings) }
        }
        try await awaited("all transfers", within: .seconds(3000)) {
            let connections = await fixture.worker.connections
            return findings.state.withLock { $0.running == 0 } && connections == 0
        }
        #expect(findings.faults == [])
        let held = await fixture.worker.held
        #expect(held.buffers == 0 && held.pipes == 0)
        await fixture.end()
    }

    /// Backends' sides, a thread each, until the listener closes.
    private func serve(_ listener: PlainListener, _ findings: Findings) throws {
        try DetachedThread.run {
            while true {
                let number = Glibc.accept(listener.number, nil, nil)
                if number < 0 {
                    if findings.state.withLock({ $0.running == 0 && $0.next > 0 }) { return }
                    continue
                }
                findings.state.withLock { $0.running += 1 }
                let started = Result { try DetachedThread.run { Self.answer(number, findings) } }
                if case .failure = started { Issue.record("no thread for a backend") }
            }
        }
    }

    private static func answer(_ number: Int32, _ findings: Findings) {
        defer { findings.state.withLock { $0.running -= 1 } }
        defer { close(number) }
        var header = [UInt8](repeating: 0, count: Transfer.headerBytes)
        // A client that reset at once may have left no header.
        guard recv(number, &header, header.count, Int32(MSG_WAITALL)) == header.count,
            let transfer = Transfer(header: header)
        else { return }
        _ = fcntl(number, F_SETFL, O_NONBLOCK)
        var end = TransferEnd(transfer, socket: number, isClient: false)
        let outcome = end.run()
        findings.state.withLock { $0.backends[transfer.number] = outcome }
    }

    private static func transfer(to address: SocketAddress, _ findings: Findings) {
        defer { findings.state.withLock { $0.running -= 1 } }
        while true {
            let next = findings.state.withLock { state in
                defer { state.next += 1 }
                return state.next < findings.transfers.count ? findings.transfers[state.next] : nil
            }
            guard let transfer = next else { return }
            let connected = Result { try PlainSocket(connectedTo: address) }
            guard case .success(let socket) = connected else { continue }
            let header = transfer.header
            guard send(socket.number, header, header.count, Int32(MSG_NOSIGNAL)) == header.count else { continue }
            _ = fcntl(socket.number, F_SETFL, O_NONBLOCK)
            var end = TransferEnd(transfer, socket: socket.number, isClient: true)
            let outcome = end.run()
            findings.state.withLock { $0.clients[transfer.number] = outcome }
        }
    }

    @Test(arguments: [0, 8])
    func `a client that never reads costs one buffer or one pipe, however much its backend sends`(
        pipes: Int
    ) async throws {
        let listener = try PlainListener()
        let limits = RelayLimits(connections: 16, pipes: pipes, spliceAfter: 65536)
        let fixture = try await Fixture(ports: [listener.port], limits: limits)
        let client = try PlainSocket(connectedTo: fixture.address)
        let backend = try #require(listener.accept())
        _ = fcntl(backend.number, F_SETFL, O_NONBLOCK)
        var sent = 0
        var quiet = ContinuousClock.now
        // Nobody takes more: nothing has moved for half a second.
        while ContinuousClock.now - quiet < .milliseconds(500) {
            let count = Pattern.bytes.withUnsafeBytes {
                send(backend.number, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            if count > 0 {
                sent += count
                quiet = .now
                try #require(sent < 200_000_000)
            }
        }
        let held = await fixture.worker.held
        #expect(held.buffers + held.pipes == 1)
        // What lies in the kernel's queues of four sockets, which it bounds itself.
        #expect(sent < 64_000_000)
        _ = client
        await fixture.end()
    }
}
