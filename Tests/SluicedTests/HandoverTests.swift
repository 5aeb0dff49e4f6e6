// SPDX-License-Identifier: Apache-2.0

import Model
import Testing

@testable import sluiced

struct HandoverTests {
    private static let (web, dns) = (ServiceID(rawValue: 1), ServiceID(rawValue: 2))

    @Test func `what sockets serve is handed over from when they stop until its last connection has gone`() {
        var handover = Handover()
        handover.serve([Self.web])
        handover.serve([])
        #expect(handover.services == [Self.web])
        let held = handover.release(serving: [], holding: [Self.web])
        #expect(!held && handover.services == [Self.web])
        let gone = handover.release(serving: [], holding: [])
        #expect(gone && handover.services == [])
    }

    @Test func `what sockets serve keeps its mark without a connection`() {
        var handover = Handover()
        handover.serve([Self.web, Self.dns])
        let gone = handover.release(serving: [Self.dns], holding: [])
        #expect(gone && handover.services == [Self.dns])
    }

    @Test func `connections of an earlier daemon's workers are handed over, too`() {
        var handover = Handover()
        handover.serve([], holding: [Self.web])
        #expect(handover.services == [Self.web])
    }
}
