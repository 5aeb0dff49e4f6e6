// SPDX-License-Identifier: Apache-2.0

import Admin
import Dataplane
import Documents
import EventLoop
import Glibc
import Health
import Logging
import Model
import NextHops
import Reconciler
import ServiceLifecycle
import Storage

/// All parts by name, and what each is given. No logic.
struct Wiring {
    let services: [any Service]

    init(host: HostConfiguration, logger: Logger) async throws {
        let directory = try await StartFailure.attempt("state") { try StateDirectory(host.directories.state) }
        let loop = try await StartFailure.attempt("event loop") { try EventLoop.start(name: "sluiced-probes") }
        let dataplane = try await StartFailure.attempt("datapath") { try Dataplane(DataplaneSettings(host)) }
        let started = try await StartFailure.attempt("datapath") { try await dataplane.start() }
        logger.info("starting", metadata: ["pins": "\(started.summary)"])

        let site = try await StartFailure.attempt("store", code: .unreachable) {
            try StoreSite(host, logger: logger)
        }
        let catalog = try await StartFailure.attempt("discovery") { try CatalogSite(host.discovery, logger: logger) }
        let state = try await StartFailure.attempt("state") { try HostState(directory: host.directories.state) }
        let monitor = HealthMonitor(loop: loop)
        let table = try await StartFailure.attempt("next hops") { try NextHopTable(loop: loop) }
        let probes = HealthProbes(
            monitor: monitor, tunnels: Tunnels(settings: DataplaneSettings(host), logger: logger))
        let workforce = try await StartFailure.attempt("workers") { try Workforce(host, logger: logger) }
        let applier = KernelApplier(
            dataplane: dataplane, probes: probes, workforce: workforce, host: host, logger: logger)
        let reconciler = Reconciler(
            ports: .init(
                store: site.store, election: site.election, documents: site.documents, catalog: catalog.source,
                health: probes, nextHops: NeighbourHops(table: table, logger: logger), applier: applier),
            state: state, logger: logger, fleet: FleetSettings(host))
        let file = site.fleet == nil ? ServicesFile(path: host.services, reconciler: reconciler, logger: logger) : nil
        let administration = Administration(
            host: host.host, startedAt: Int64(time(nil)), reconciler: reconciler, monitor: monitor, file: file,
            applier: applier, catalog: catalog.source, workforce: workforce)
        let admin = AdminServer(
            settings: .init(socket: host.directories.run + "/sluiced.sock", group: host.admin.group),
            backend: administration, fleet: FleetAdministration(site, host, catalog.source, reconciler), logger: logger)
        let storeWatch = site.fleet.map { StoreWatch($0, logger: logger) }
        let metrics = MetricsServer(
            host: "\(host.admin.metrics.address)", port: Int(host.admin.metrics.port),
            source: Metrics(
                host: host, reconciler: reconciler, monitor: monitor,
                fleet: FleetMetrics(watch: storeWatch, catalog: catalog.source),
                relay: RelayMetrics(workforce: workforce), http: HTTPMetrics(workforce: workforce),
                logger: logger), logger: logger)
        let interfaces = InterfaceWatch(
            names: Set(host.interfaces), used: { try await dataplane.usedInterfaces() },
            changed: {
                // With an interface the kernel deletes its entries of the device map.
                await dataplane.distrust()
                reconciler.disturbed()
            }, logger: logger)

        let consuls = ConsulClients(clients: [site.client, catalog.client].compactMap(\.self))

        services = [
            // The last to end: others ask to the end.
            Running("consul") { try await consuls.run() },
            Running("catalog") { try await catalog.run() },
            Running("store") { try await follow(storeWatch) },
            Running("probes") { await monitor.run() },
            Running("tunnel probes") { try await probes.run(warningsChanged: reconciler.disturbed) },
            Running("next hops") { try await table.run() },
            Running("workers") { await workforce.run() },
            Running("program") { await applier.run() },
            Running("reconciler") { try await reconciler.run() },
            Running("services file") { try await follow(file) },
            Running("interfaces") { try await interfaces.run() },
            Running("admin", endsItself: true) { try await admin.run() },
            Running("metrics") { try await retrying("metrics not served", logger) { try await metrics.run() } },
            // Released with the process: its lock tells a second daemon that this one lives.
            Running("state directory") { [directory] in try await forever(holding: directory) },
        ]
    }
}

extension DataplaneSettings {
    init(_ host: HostConfiguration) {
        self.init(
            bpfRoot: host.datapath.bpfRoot, cache: host.directories.cache, sources: host.directories.bpf,
            policy: AttachmentPolicy(rawValue: host.datapath.mode.rawValue) ?? .auto,
            replacesForeign: host.datapath.foreign == .replace)
    }
}
