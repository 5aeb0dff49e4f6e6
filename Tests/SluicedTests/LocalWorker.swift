// SPDX-License-Identifier: Apache-2.0

import EventLoop
import TestSupport

@testable import sluiced

/// A worker on a loop of this process, with the daemon's connection to it. Workers answer root alone.
struct LocalWorker {
    let link: WorkerLink
    private let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
        let path = "\(directory.path)/0-test.sock"
        let loop = try EventLoop.start(name: "worker-0")
        let control = try PacketSocket.listener(at: path)
        let worker = WorkerProcess(slot: 0, loop: loop, control: control, descriptors: 4096, memory: 1 << 20)
        // It lives as long as its process, as one does.
        _ = Unmanaged.passRetained(worker)
        loop.execute { worker.start() }
        link = try WorkerLink(path: path, slot: 0)
    }

    func listen(_ key: ListenerKey, by socket: consuming Descriptor) throws {
        try link.tell(.listen(key), passing: socket.rawValue)
    }

    /// Connections of its first service.
    var accepted: UInt64? {
        get throws { try link.figures(.report, as: WorkerFigures.self).services.first?.accepted }
    }
}
