// SPDX-License-Identifier: Apache-2.0

import EventLoop
import Testing

@testable import Relay

/// Dialogues: what happened, and what is to be done next.
struct RelayStateTests {
    @Test func `what a client sends is given on, and nothing more is taken before`() {
        var state = RelayState()
        #expect(state.next() == .wait)
        state.ready(.client, .readable)
        #expect(state.next() == .receive(from: .client))
        state.received(from: .client, .bytes(100), isDrained: false)
        #expect(state.next() == .send(from: .client))
        state.sent(from: .client, .bytes(60))
        #expect(state.next() == .send(from: .client))
        state.sent(from: .client, .bytes(40))
        #expect(state.next() == .receive(from: .client))
        state.received(from: .client, .wouldBlock, isDrained: true)
        #expect(state.next() == .wait)
    }

    @Test func `a side that does not read stops the other, and the way back goes on`() {
        var state = RelayState()
        state.ready(.client, .readable)
        state.received(from: .client, .bytes(100), isDrained: false)
        state.sent(from: .client, .wouldBlock)
        #expect(state.next() == .wait)
        state.ready(.backend, .readable)
        #expect(state.next() == .receive(from: .backend))
        state.received(from: .backend, .bytes(1), isDrained: true)
        state.sent(from: .backend, .bytes(1))
        #expect(state.next() == .wait)
        state.ready(.backend, .writable)
        #expect(state.next() == .send(from: .client))
    }

    @Test func `an end is passed on after the last byte, and both ends close`() {
        var state = RelayState()
        state.ready(.client, [.readable, .peerClosed])
        state.received(from: .client, .bytes(5), isDrained: true)
        state.sent(from: .client, .bytes(5))
        // The end was told with the bytes: no event will tell it again.
        #expect(state.next() == .receive(from: .client))
        state.received(from: .client, .end, isDrained: true)
        #expect(state.next() == .passEnd(from: .client))
        state.endPassed(from: .client)
        #expect(state.next() == .wait)
        state.ready(.backend, [.readable, .peerClosed])
        state.received(from: .backend, .end, isDrained: true)
        #expect(state.next() == .close)
    }

    @Test func `a reset is passed on after what came before it was taken`() {
        var state = RelayState()
        state.ready(.backend, [.readable, .error, .hangup])
        #expect(state.next() == .receive(from: .backend))
        state.received(from: .backend, .bytes(3), isDrained: true)
        state.sent(from: .backend, .bytes(3))
        #expect(state.next() == .receive(from: .backend))
        state.received(from: .backend, .failed(104), isDrained: true)
        #expect(state.next() == .reset(.backendReset))
    }

    @Test func `a reset of a side whose bytes cannot be given on is passed on at once`() {
        var state = RelayState()
        state.ready(.client, .readable)
        state.received(from: .client, .bytes(100), isDrained: false)
        state.sent(from: .client, .wouldBlock)
        state.ready(.client, [.error, .hangup])
        #expect(state.next() == .reset(.clientReset))
    }

    @Test func `a side that refuses bytes has reset`() {
        var state = RelayState()
        state.ready(.client, .readable)
        state.received(from: .client, .bytes(1), isDrained: true)
        state.sent(from: .client, .failed(32))
        #expect(state.next() == .reset(.backendReset))
    }

    @Test func `a header goes before what the client sent`() {
        var state = RelayState()
        state.precede(bytes: 28)
        state.ready(.client, .readable)
        #expect(state.next() == .send(from: .client))
        state.sent(from: .client, .bytes(28))
        #expect(state.next() == .receive(from: .client))
    }

    @Test func `without a buffer a side waits, and goes on when there is one`() {
        var state = RelayState()
        state.ready(.client, .readable)
        state.starve(.client)
        #expect(state.next() == .wait)
        state.resume(.client)
        #expect(state.next() == .receive(from: .client))
    }
}
