// SPDX-License-Identifier: Apache-2.0

import Admin
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
        do {
            if host.datapath.bpfRoot.hasPrefix("/sys/fs/bpf/") { try Pin.ensureMounted(at: "/sys/fs/bpf") }
            for directory in [host.directories.run, host.directories.cache] { try makeDirectory(directory) }
            raiseLockedMemory()
            raiseDescriptors()
            let missing = try Privileges.keepOnly(Privileges.running)
            guard missing.isEmpty else {
                let names = missing.map { "\($0)" }.sorted().joined(separator: ", ")
                throw StartFailure(description: "sluiced: these capabilities are missing: \(names)", code: .permission)
            }
        } catch {
            throw StartFailure(error) ?? StartFailure(description: "sluiced: \(error)")
        }
    }

    /// Before anything is read: without it, not even the configuration may be readable.
    static func requireRoot(_ program: String) throws {
        guard geteuid() == 0 else {
            throw StartFailure(description: "\(program): needs root to begin with: run it with sudo", code: .permission)
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

    /// Before 5.11 maps count against the limit of locked memory; later kernels do not look at it.
    private func raiseLockedMemory() {
        var limit = rlimit(rlim_cur: rlim_t.max, rlim_max: rlim_t.max)
        _ = setrlimit(__rlimit_resource_t(__RLIMIT_MEMLOCK.rawValue), &limit)
    }

    /// Of the workers, which inherit it: two descriptors a connection. What is refused leaves them with fewer connections.
    private func raiseDescriptors() {
        let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        var limit = rlimit()
        guard getrlimit(resource, &limit) == 0, limit.rlim_max < 1 << 20 else { return }
        limit.rlim_max = 1 << 20
        _ = setrlimit(resource, &limit)
    }

    private func makeDirectory(_ path: String) throws {
        var partial = ""
        for part in path.split(separator: "/") {
            partial += "/\(part)"
            if mkdir(partial, 0o755) != 0 && errno != EEXIST {
                let code = errno
                throw StartFailure(
                    description: "sluiced: make directory \(partial): \(String(cString: strerror(code)))",
                    code: ExitCode(systemError: code))
            }
        }
    }
}
