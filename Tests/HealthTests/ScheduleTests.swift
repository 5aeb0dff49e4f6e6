// SPDX-License-Identifier: Apache-2.0

import EventLoop
import Model
import Testing

@testable import Health

struct ScheduleTests {
    private let start = MonotonicInstant(nanoseconds: 1_000_000_000)

    private func schedule(_ name: String) -> ProbeSchedule {
        ProbeSchedule(for: .init(service: "web", backend: name), every: .seconds(2), from: start)
    }

    @Test func `a target's place in the interval comes from its name alone`() {
        #expect(schedule("a") == schedule("a"))
        #expect(schedule("a").next != schedule("b").next)
    }

    @Test func `a thousand targets are spread evenly over the interval`() {
        var tenths = [Int](repeating: 0, count: 10)
        for number in 0..<1000 {
            let offset = schedule("10.0.\(number / 250).\(number % 250):80").next.nanoseconds - start.nanoseconds
            tenths[Int(offset / 200_000_000)] += 1
        }
        #expect(tenths.allSatisfy { (60...140).contains($0) }, "\(tenths)")
    }

    @Test func `beginnings that were missed are left out and the rhythm stays`() {
        var schedule = schedule("a")
        let first = schedule.next
        schedule.advance(past: first)
        #expect(schedule.next == first.advanced(by: .seconds(2)))
        schedule.advance(past: first.advanced(by: .seconds(9)))
        #expect(schedule.next == first.advanced(by: .seconds(10)))
    }

    @Test func `a backlog serves first come first served and each target once`() {
        var backlog = Backlog()
        let keys = "abcd".map { ProbeTarget.Key(service: "web", backend: String($0)) }
        for key in keys + keys { backlog.append(key) }
        #expect(backlog.next() == keys[0])
        backlog.append(keys[0])
        var rest: [String] = []
        while let key = backlog.next() { rest.append(key.backend) }
        #expect(rest == ["b", "c", "d", "a"])
    }
}

struct ProbeTargetTests {
    private let vip = VIP(address: IPAddress(v4: 0xc000_020a), port: 443, transport: .tcp)
    private let backend = Backend(name: "a", address: IPAddress(v4: 0x0a00_0001), port: 8443)

    private func target(_ probe: HealthCheck.Probe, tunnel: Bool, mark: UInt32?, anyPort: Bool = false) -> ProbeTarget {
        let vip = anyPort ? VIP(address: vip.address, port: 0, transport: .tcp) : vip
        let check = HealthCheck(probe: probe, throughTunnel: tunnel)
        return ProbeTarget(service: "web", backend: backend, vip: vip, check: check, mark: mark)
    }

    @Test func `a plain check goes to the backend's address, and to the check's port before the backend's`() {
        let plain = target(.tcp(port: nil), tunnel: false, mark: 7)
        #expect(plain.address == backend.address && plain.port == 8443 && plain.mark == nil)
        #expect(target(.tcp(port: 9000), tunnel: false, mark: nil).port == 9000)
    }

    @Test func `a check through the tunnel goes to the VIP with the backend's mark`() {
        let tunnelled = target(.tcp(port: nil), tunnel: true, mark: 7)
        #expect(tunnelled.address == vip.address && tunnelled.port == 443 && tunnelled.mark == 7)
        #expect(target(.tcp(port: 80), tunnel: true, mark: 7).port == 80)
        #expect(target(.tcp(port: nil), tunnel: true, mark: 7, anyPort: true).port == 8443)
    }

    @Test func `where the kernel cannot mark, a check through the tunnel goes to the backend itself`() {
        let direct = target(.tcp(port: nil), tunnel: true, mark: nil)
        #expect(direct.address == backend.address && direct.port == 8443)
    }
}
