// SPDX-License-Identifier: Apache-2.0

import Reconciler
import Testing

@testable import sluiced

@Suite struct `A host's life` {
    private func report(_ beat: UInt64, instance: String = "x") -> HostReport {
        HostReport(host: "edge-1", instance: instance, beat: beat)
    }

    private func seen(_ looks: (beat: UInt64, at: Int)...) -> HostSightings {
        var sightings = HostSightings()
        for look in looks { sightings.look(at: [report(look.beat)], now: .seconds(look.at)) }
        return sightings
    }

    @Test func `is not known from one look`() {
        #expect(seen((1, 0)).lives("edge-1", now: .seconds(1)) == nil)
    }

    @Test func `shows in a report that counts up`() {
        #expect(seen((1, 0), (2, 10)).lives("edge-1", now: .seconds(11)) == true)
    }

    @Test func `is over when the report stands still for half a minute`() {
        #expect(seen((1, 0), (2, 10), (2, 41)).lives("edge-1", now: .seconds(41)) == false)
    }

    @Test func `is not known after a long time without a look`() {
        #expect(seen((1, 0), (40, 400)).lives("edge-1", now: .seconds(400)) == nil)
    }
}
