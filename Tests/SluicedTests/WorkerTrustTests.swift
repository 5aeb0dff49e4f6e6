// SPDX-License-Identifier: Apache-2.0

import EventLoop
import Model
import TestSupport
import Testing

@testable import sluiced

/// What the daemon takes from workers, which have fewer rights than itself.
struct WorkerTrustTests {
    private static let vip = VIP(address: IPAddress(v4: 0x0a09_0909), port: 80, transport: .tcp)
    private static let address = SocketAddress(high: vip.address.high, low: vip.address.low, port: 80)

    private static func fault(_ socket: consuming Descriptor) -> String? {
        ListenerSockets.fault(of: socket, for: vip)
    }

    @Test func `a socket as the daemon opens it has no fault`() throws {
        #expect(
            Self.fault(try .listener(on: Self.address, reusePort: true, freely: true)) == nil)
    }

    @Test func `another socket than the daemon would have opened is refused`() throws {
        let six = SocketAddress(high: 0, low: 1, port: 0)
        let other = SocketAddress(high: Self.address.high, low: Self.address.low, port: 8081)
        let bound = try Descriptor.stream(for: other)
        try bound.setOption(1, 15, 1)
        #expect(Self.fault(bound) == "does not listen")
        #expect(Self.fault(try .listener(on: other, reusePort: true, freely: true)) == "is bound to \(other)")
        #expect(Self.fault(try .listener(on: six, reusePort: true)) == "is of another family")
        #expect(Self.fault(try .datagramListener(on: other, reusePort: true, freely: true)) == "is of another protocol")
        #expect(Self.fault(try .listener(on: .loopback(port: 0))) == "is alone on its port")
        #expect(Self.fault(try .memory("sluice-fake", holding: [])) == "is no socket")
    }

    @Test func `no figure of a worker overflows a sum`() {
        var sum = WorkerFigures(services: [.init(id: 3, accepted: .max, active: .max, ended: ["idle": .max])])
        sum.add(sum)
        let service = WorkerFigures.Service(id: 3, accepted: .max, active: .max, ended: ["idle": .max])
        #expect(sum.services == [service])
    }

    @Test func `a worker's figures are what they can be`() {
        let said = WorkerFigures(services: [.init(id: 3, active: -5, ended: ["idle": 1, "made\nup": 2])])
        #expect(said.checked.services == [.init(id: 3, active: 0, ended: ["idle": 1])])
    }

    @Test func `what an ended worker had counted is kept, and nothing is under way in it`() {
        var kept = WorkerFigures()
        kept.add(WorkerFigures(services: [.init(id: 3, accepted: 7, active: 2)]).withoutActive)
        kept.add(WorkerFigures(services: [.init(id: 3, accepted: 1, active: 1)]))
        #expect(kept.services == [.init(id: 3, accepted: 8, active: 1)])
    }
}
