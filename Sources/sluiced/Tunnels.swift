// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Health
import Logging
import Model
import NextHops
import Reconciler

/// How health checks that are to go through the tunnel can go.
enum TunnelWay: Hashable {
    /// Through those tunnels that the kernel has.
    case open(to: Set<Tunnel>)
    /// To the backends' own addresses.
    case closed(cause: String)

    struct Tunnel: Hashable {
        let service: String
        let id: BackendID
        let address: IPAddress
    }
}

extension TunnelWay {
    func targets(of generation: Generation) -> [ProbeTarget] {
        generation.services.flatMap { placed -> [ProbeTarget] in
            guard let check = placed.service.health else { return [] }
            return placed.backends.map { target(of: $0, in: placed.service, check) }
        }
    }

    private func target(of backend: PlacedBackend, in service: VirtualService, _ check: HealthCheck) -> ProbeTarget {
        var target = ProbeTarget(
            service: service.name, backend: backend.backend, vip: service.vip, check: check,
            mark: service.forwarding.hasTunnel && !isClosed ? backend.id.probeMark : nil)
        // Of a backend that is new to the kernel: its mark means nothing there yet, or means another.
        if target.mark != nil { target.isHeld = !leads(to: backend, of: service) }
        return target
    }

    private func leads(to backend: PlacedBackend, of service: VirtualService) -> Bool {
        guard case .open(let tunnels) = self else { return false }
        return tunnels.contains(Tunnel(service: service.name, id: backend.id, address: backend.backend.address))
    }

    private var isClosed: Bool { if case .closed = self { true } else { false } }

    var warnings: [String] {
        guard case .closed(let cause) = self else { return [] }
        return ["health checks go to the backends' own addresses, not through the tunnel: \(cause)"]
    }
}

extension Forwarding {
    fileprivate var hasTunnel: Bool { self == .ipip || self == .gue }
}

/// Keeps the program that sends checks through the tunnels on the host's interfaces, as long as a service needs it.
actor Tunnels {
    private let probes: TunnelProbes
    private let logger: Logger
    /// Of the generation in the kernel; empty where no check goes through a tunnel.
    private var needed: Set<TunnelWay.Tunnel> = []
    private var steering: [NetworkInterface] = []
    /// Where the program was last attached or could not be.
    private var exits: TunnelProbes.Exits?
    private var cause: String?
    private var backOff = BackOff(first: .seconds(1), longest: .seconds(30))
    private let clock = ContinuousClock()
    private let began = ContinuousClock.now

    init(settings: DataplaneSettings, logger: Logger) {
        probes = TunnelProbes(settings)
        self.logger = logger
    }

    /// Makes the tunnels of a generation, which the kernel has, ready for checks.
    func setUp(for generation: Generation, steering: [NetworkInterface]) -> TunnelWay {
        needed = Self.tunnels(of: generation)
        self.steering = steering
        exits = nil
        guard !needed.isEmpty else {
            // Nobody asks for one, so there is none that could be closed.
            cause = nil
            if let failure = attempt({ if try probes.isInstalled { try probes.remove() } }) {
                logger.warning(
                    "the program for checks through tunnels stays, though none needs it",
                    metadata: ["cause": "\(failure)"])
            }
            return .open(to: [])
        }
        return attach()
    }

    /// Attaches to interfaces that came since, and anew where that failed. Nil where there is nothing to do yet.
    func follow() -> TunnelWay? {
        guard !needed.isEmpty else { return nil }
        if cause != nil, backOff.notBefore != nil, backOff.allows(at: uptime) { return attach() }
        do {
            return try TunnelProbes.Exits(NetworkInterfaces.list()) == exits ? nil : attach()
        } catch {
            // Read again in a moment.
            return nil
        }
    }

    private var uptime: Duration { began.duration(to: clock.now) }

    private func attach() -> TunnelWay {
        let failure = attempt {
            let now = try TunnelProbes.Exits(NetworkInterfaces.list())
            // Before the attempt: one that failed is repeated after a while, or when something changed.
            exits = now
            try probes.attach(to: now, steering: steering)
        }
        if failure == nil { backOff.succeeded() } else { backOff.failed(at: uptime) }
        tell(failure)
        return failure.map { .closed(cause: $0) } ?? .open(to: needed)
    }

    private func attempt(_ body: () throws -> Void) -> String? {
        do {
            try body()
            return nil
        } catch {
            return "\(error)"
        }
    }

    private func tell(_ failure: String?) {
        guard failure != cause else { return }
        cause = failure
        if let failure {
            logger.warning("no health check goes through a tunnel", metadata: ["cause": "\(failure)"])
        } else {
            logger.info("health checks go through the tunnels again")
        }
    }

    private static func tunnels(of generation: Generation) -> Set<TunnelWay.Tunnel> {
        var tunnels: Set<TunnelWay.Tunnel> = []
        for placed in generation.services
        where placed.service.forwarding.hasTunnel && placed.service.health?.throughTunnel == true {
            for backend in placed.backends {
                tunnels.insert(
                    .init(service: placed.service.name, id: backend.id, address: backend.backend.address))
            }
        }
        return tunnels
    }
}

extension TunnelProbes.Exits {
    /// What is below a bridge or bond is reached through it. A VRF only chooses routes.
    init(_ links: [NetworkLink]) {
        let routers = Set(links.filter { $0.kind == "vrf" }.map(\.interface.index))
        let exits = links.filter { link in
            !routers.contains(link.interface.index) && link.master.map(routers.contains) ?? true
        }
        self.init(
            ethernet: exits.filter(\.isEthernet).map(\.interface),
            others: exits.filter { !$0.isEthernet }.map(\.interface))
    }
}
