// SPDX-License-Identifier: Apache-2.0

/// What a backend is on one host: what the fleet decided of it, and what this host's probes see.
public enum BackendCondition: String, Hashable, Sendable, CaseIterable {
    /// Takes new flows.
    case active
    /// Takes none and keeps those it has; so it stays while probes see it down.
    case draining
    /// By this host's probes.
    case down
}

extension PlacedBackend {
    public func condition(down: Set<BackendID>) -> BackendCondition {
        state == .draining ? .draining : down.contains(id) ? .down : .active
    }
}

extension PlacedService {
    /// How many backends are in each condition.
    public func conditions(down: Set<BackendID>) -> [BackendCondition: Int] {
        backends.reduce(into: [:]) { $0[$1.condition(down: down), default: 0] += 1 }
    }
}
