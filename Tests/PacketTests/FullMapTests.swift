// SPDX-License-Identifier: Apache-2.0

import CDataplane
import Model
import Testing

@testable import Dataplane

extension PacketTests {
    @MainActor struct FullMapTests {
        @Test func `with every fragment of the map in use a packet's fragments go on together`() throws {
            let stage = try Stage.whole()
            try stage.reset()
            try stage.fillFragments()
            let packet = try stage.packet(of: "moving", from: "a", to: "d").sized(400)
            let (first, later) = packet.fragments(at: 80)
            for (fragment, reason) in [(first, REASON_PREVIOUS), (later, REASON_LATER_FRAGMENT)] {
                let row = Row("", fragment, .forwarded(reason, to: .named("a")), "moving", flow: packet)
                var judge = Judge(row, on: stage)
                try judge.runOn()
                #expect(judge.faults == [])
            }
        }
    }
}
