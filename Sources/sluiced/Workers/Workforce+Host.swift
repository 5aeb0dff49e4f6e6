// SPDX-License-Identifier: Apache-2.0

import Admin
import Documents
import EventLoop
import Glibc
import Logging

extension Workforce {
    /// Of a host's configuration. Nothing is started before a service needs it.
    init(_ host: HostConfiguration, logger: Logger) throws {
        let count =
            host.workers.count ?? min(max(sysconf(Int32(_SC_NPROCESSORS_ONLN)), 1), HostConfiguration.Workers.countMax)
        let owner = try WorkerUser(named: host.workers.user)
        self.init(
            loop: try EventLoop.start(name: "sluiced-workers"),
            spawn: WorkerSpawn(
                directory: "\(host.directories.run)/\(WorkerSockets.folder)", user: owner.user, group: owner.group,
                workers: count),
            listeners: ListenerSockets(
                workers: count,
                settings: .init(
                    sources: host.directories.bpf, cache: host.directories.cache,
                    pins: host.datapath.bpfRoot + "/sockets"),
                logger: logger),
            logger: logger)
    }
}

/// Whom workers run as.
struct WorkerUser {
    let user: UInt32
    let group: UInt32

    init(named name: String) throws {
        var text = [CChar](repeating: 0, count: 16384)
        var entry = passwd()
        var found: UnsafeMutablePointer<passwd>?
        let failure = getpwnam_r(name, &entry, &text, text.count, &found)
        guard failure == 0, found != nil else {
            throw StartFailure(description: "sluiced: workers.user: there is no user '\(name)'", code: .usage)
        }
        guard entry.pw_uid != 0 else {
            throw StartFailure(
                description: "sluiced: workers.user: '\(name)' is root, which workers are not to be", code: .usage)
        }
        (user, group) = (entry.pw_uid, entry.pw_gid)
    }
}
