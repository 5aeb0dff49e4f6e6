// SPDX-License-Identifier: Apache-2.0

import Admin
import Dataplane
import Documents
import Logging
import Model
import NextHops
import Reconciler

/// The kernel's packet path as the reconciler's applier: an order becomes a generation on this host's view.
actor KernelApplier: Applier {
    private let dataplane: Dataplane
    private let probes: HealthProbes
    private let workforce: Workforce
    private let host: HostConfiguration
    private let logger: Logger
    private(set) var attachments: [StatusAnswer.Interface] = []
    private var lastProgram: String?
    /// Of the generation in the kernel.
    private var services: [ServiceID] = []
    private var relayedNames: Set<String> = []
    private var sockets: SocketsPath
    private var handover = Handover()
    /// What is in the kernel, to be put there again when a handover ends.
    private var inForce: (generation: Generation, view: HostView)?
    private let changes: AsyncStream<Void>
    private let changed: AsyncStream<Void>.Continuation

    init(dataplane: Dataplane, probes: HealthProbes, workforce: Workforce, host: HostConfiguration, logger: Logger) {
        self.dataplane = dataplane
        self.probes = probes
        self.workforce = workforce
        sockets = SocketsPath(mode: host.datapath.mode)
        self.host = host
        self.logger = logger
        (changes, changed) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Makes the program narrower behind changes, until cancelled.
    func run() async {
        for await _ in changes {
            if let program = await dataplane.narrow() { note(program) }
        }
    }

    func apply(_ order: Order) async throws -> AppliedReport {
        var warnings: [String] = []
        var view = HostView(
            interfaces: sockets.isAlone ? [] : try await present(&warnings), nextHops: order.nextHops,
            sourcePrefix4: host.datapath.sourcePrefix,
            sourcePrefix6: host.datapath.sourcePrefix6, down: order.down)
        let generation = order.publication.generation
        // Before the packet path lets go of what is theirs from now on.
        var missing = await workforce.apply(
            generation, services: sockets.services(of: generation), down: order.down)
        let holding = await workforce.holding()
        _ = handover.release(serving: served(), holding: holding)
        handover.serve(Set(sockets.services(of: generation).map(\.id)), holding: holding)
        view.handover = handover.services
        let report = try await dataplane.apply(generation, on: view)
        inForce = (generation, view)
        note(report)
        if sockets.isAlone, try await !dataplane.heldInterfaces().isEmpty { try await dataplane.detachAll() }
        if sockets.attached(failed: report.attachments.map { $0.change == .failed }) {
            logger.warning(sockets.hasFallen ? "falls to sockets: no interface takes XDP" : "XDP is back")
            let services = sockets.services(of: generation)
            missing = await workforce.apply(generation, services: services, down: order.down)
            handover.serve(Set(services.map(\.id)))
        }
        warnings += missing + sockets.warnings(of: generation)
        warnings += await dataplane.status.notes + report.attachments.compactMap(\.error)
        var isComplete = missing.isEmpty && report.isComplete && !report.attachments.contains { $0.change == .failed }
        do {
            try await dataplane.finish()
        } catch {
            // The order is in force; what is no longer needed is in nobody's way but a later order's.
            let warning = "what is no longer needed cannot be removed yet: \(error)"
            if !warnings.contains(warning) { warnings.append(warning) }
            isComplete = false
        }
        // What the packet path has from now on.
        let relayed = sockets.services(of: generation)
        await workforce.finish(services: relayed)
        services = generation.services.map(\.id)
        relayedNames = Set(relayed.map(\.service.name))
        changed.yield()
        warnings += await probes.applied(generation, steering: report.steered)
        return AppliedReport(
            fleetDigest: try fleetDigest(of: generation), warnings: warnings, isComplete: isComplete)
    }

    /// The next order is compared with what the maps really hold, whoever changed them.
    func distrust() async { await dataplane.distrust() }

    func settle(at uptime: Duration) async throws -> Set<String> {
        // The kernel stamps by its own monotonic clock, which is the one to compare with.
        try await dataplane.sweep()
        try await endHandover()
        // Of what sockets serve the connections themselves remember their backends.
        return try await dataplane.settle().union(relayedNames)
    }

    /// Steers all packets of services of whose connections the sockets hold none any more.
    private func endHandover() async throws {
        guard let generation = inForce?.generation, var view = inForce?.view, !handover.services.isEmpty,
            handover.release(serving: served(), holding: await workforce.holding())
        else { return }
        view.handover = handover.services
        note(try await dataplane.apply(generation, on: view))
        inForce = (generation, view)
        try await dataplane.finish()
        changed.yield()
    }

    /// By sockets, of the generation in force.
    private func served() -> Set<ServiceID> {
        Set(inForce.map { sockets.services(of: $0.generation).map(\.id) } ?? [])
    }

    func verify(_ order: Order) async throws -> [String] {
        let kernel = try KernelState.open(bpfRoot: host.datapath.bpfRoot)
        let verify = try Verify(order.publication.generation, down: order.down, kernel: kernel)
        if !verify.differences.isEmpty { await dataplane.distrust() }
        return verify.differences.map(\.description)
    }

    func drops() async throws -> [String: UInt64] {
        // Before the first order there are no maps that count.
        guard lastProgram != nil else { return [:] }
        let kernel = try KernelState.open(bpfRoot: host.datapath.bpfRoot)
        let counts = [kernel.counts(of: nil)] + services.map { kernel.counts(of: $0) }
        // Also those that there are none of: who judges from what was before must be able to tell it from not known.
        let reasons = Reason.all.filter { $0.outcome == .dropped }
        var drops = Dictionary(uniqueKeysWithValues: reasons.map { ($0.name, UInt64(0)) })
        for count in counts {
            for (reason, count) in count where reason.outcome == .dropped {
                drops[reason.name, default: 0] += count.packets
            }
        }
        return drops
    }

    /// The configured interfaces that are there now. One that was renamed while the program was on it keeps it: packets
    /// do not care, and who renames an interface changes the configuration a moment later.
    private func present(_ warnings: inout [String]) async throws -> [NetworkInterface] {
        let links = try NetworkInterfaces.list().map(\.interface)
        let held = try await dataplane.heldInterfaces()
        return host.interfaces.compactMap { name in
            if let link = links.first(where: { $0.name == name }) { return link }
            guard let link = links.first(where: { $0.index == held[name] && !host.interfaces.contains($0.name) }) else {
                warnings.append("interface \(name) is not there; it is attached to when it comes")
                return nil
            }
            warnings.append("interface \(name) is called \(link.name) now and is steered as before: name it so")
            return NetworkInterface(
                index: link.index, name: name, address: link.address, mtu: link.mtu, isVirtual: link.isVirtual)
        }
    }

    private func note(_ report: ApplyReport) {
        attachments = report.attachments.map {
            .init(name: $0.interface, mode: $0.mode.map { "\($0)" } ?? "none", reason: $0.error ?? $0.reasons.first)
        }
        // One that failed is a warning of the report, which is logged when it changes.
        for attachment in report.attachments where attachment.change == .attached { log(attachment) }
        note(report.program)
    }

    private func note(_ report: ProgramReport) {
        let program = report.description
        guard program != lastProgram else { return }
        lastProgram = program
        logger.info("program in force", metadata: ["program": "\(program)"])
    }

    private func log(_ attachment: AttachmentReport) {
        let mode = attachment.mode.map { "XDP \($0)" } ?? "unknown"
        var metadata: Logger.Metadata = ["interface": "\(attachment.interface)", "mode": "\(mode)"]
        if !attachment.reasons.isEmpty { metadata["because"] = "\(attachment.reasons.joined(separator: "; "))" }
        logger.info("attached", metadata: metadata)
    }

    private func fleetDigest(of generation: Generation) throws -> String {
        try digests.digest(of: generation, bytes: FleetPart(of: generation).bytes)
    }

    private var digests = FleetDigests()
}
