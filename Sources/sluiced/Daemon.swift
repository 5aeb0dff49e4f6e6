// SPDX-License-Identifier: Apache-2.0

import BPF
import Dataplane
import Documents
import Glibc
import Logging
import ServiceLifecycle
import Storage

/// From a configuration to a running daemon: what must be done before, then all parts at once, then nothing is undone.
struct Daemon {
    let host: HostConfiguration

    /// With all of root's power: the file system of the pins and the directories. Then most of it is given up.
    ///
    /// To be called before the process begins its second thread.
    func prepare() throws {
        guard geteuid() == 0 else {
            throw StartFailure(description: "sluiced: needs root to begin with; it keeps few capabilities")
        }
        do {
            if host.datapath.bpfRoot.hasPrefix("/sys/fs/bpf/") { try Pin.ensureMounted(at: "/sys/fs/bpf") }
            for directory in [host.directories.run, host.directories.cache] { try makeDirectory(directory) }
            _ = try Privileges.keepOnly(Privileges.running)
        } catch let failure as StartFailure {
            throw failure
        } catch {
            throw StartFailure(description: "sluiced: \(error)")
        }
    }

    /// Runs until it is told to end. Program, maps and links stay in the kernel.
    func run() async throws {
        LoggingSystem.bootstrap { StreamLogHandler.standardError(label: $0) }
        var logger = Logger(label: "sluiced")
        logger[metadataKey: "host"] = "\(host.host)"
        let wiring = try await Wiring(host: host, logger: logger)
        let group = ServiceGroup(
            configuration: .init(
                services: wiring.services, gracefulShutdownSignals: [.sigterm, .sigint], logger: logger))
        try await group.run()
        logger.info("ended; program, maps and links stay in the kernel")
    }

    private func makeDirectory(_ path: String) throws {
        var partial = ""
        for part in path.split(separator: "/") {
            partial += "/\(part)"
            if mkdir(partial, 0o755) != 0 && errno != EEXIST {
                throw StartFailure(
                    description: "sluiced: make directory \(partial): \(String(cString: strerror(errno)))")
            }
        }
    }
}
