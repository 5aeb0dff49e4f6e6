// SPDX-License-Identifier: Apache-2.0

import Documents
import Model

/// Which services of a generation this host's sockets serve: those that say so, and all of them where no interface takes
/// XDP or the configuration wants none. A pure value.
struct SocketsPath: Hashable, Sendable {
    typealias Mode = HostConfiguration.Datapath.Mode

    private let mode: Mode
    /// No interface has the program, though all were tried.
    private(set) var hasFallen: Bool

    init(mode: Mode) {
        self.mode = mode
        hasFallen = mode == .sockets
    }

    /// Nothing is attached at all.
    var isAlone: Bool { mode == .sockets }

    /// Takes in what attaching came to, interface by interface.
    ///
    /// - Returns: whether it changes what sockets serve.
    mutating func attached(failed: [Bool]) -> Bool {
        guard mode == .auto else { return false }
        // No interface is there yet: the program may still be had on one.
        guard !failed.isEmpty else { return false }
        let falls = failed.allSatisfy(\.self)
        defer { hasFallen = falls }
        return falls != hasFallen
    }

    func services(of generation: Generation) -> [PlacedService] {
        generation.services.filter { placed in
            placed.service.forwarding == .sockets || hasFallen && placed.service.canFall
        }
    }

    func warnings(of generation: Generation) -> [String] {
        guard hasFallen else { return [] }
        let cause = isAlone ? [] : ["no interface takes XDP: services go through this host's sockets"]
        let others = generation.services.filter { $0.service.forwarding != .local && $0.service.vip.port == 0 }
        return cause
            + others.map { "\($0.service.name): sockets cannot listen on any port of \($0.service.vip.address)" }
    }
}

extension VirtualService {
    /// Its own listeners are there already under `local`, and no socket listens on all ports.
    fileprivate var canFall: Bool { forwarding != .local && vip.port != 0 }
}
