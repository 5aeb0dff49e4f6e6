// SPDX-License-Identifier: Apache-2.0

import Model
import Testing

@Suite struct BackendConditionTests {
    private func placed() throws -> PlacedService {
        var fleet = Fleet(entries: [try desired("10.0.0.1:80/tcp -> a, b, c, d")])
        try fleet.step(at: 0)
        fleet.overrides = [
            Override(service: "web", backend: "b", author: "x", reason: "", expiry: nil),
            Override(service: "web", backend: "c", author: "x", reason: "", expiry: nil),
        ]
        try fleet.step(at: 1)
        return try fleet.service()
    }

    @Test func `a person's drain comes before what probes see`() throws {
        let service = try placed()
        let down = Set(service.backends.filter { ["c", "d"].contains($0.backend.name) }.map(\.id))
        let conditions = service.backends.sorted { $0.backend.name < $1.backend.name }.map {
            $0.condition(down: down)
        }
        #expect(conditions == [.active, .draining, .draining, .down])
        #expect(service.conditions(down: down) == [.active: 1, .draining: 2, .down: 1])
    }
}
