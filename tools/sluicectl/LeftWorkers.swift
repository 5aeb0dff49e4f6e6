// SPDX-License-Identifier: Apache-2.0

import Admin
import EventLoop
import Glibc

/// Workers that go on while no daemon runs.
enum LeftWorkers {
    /// Has them end, with the connections that they carry.
    ///
    /// - Parameter directory: of their sockets.
    /// - Returns: how many.
    static func end(in directory: String) throws -> Int {
        guard let folder = opendir(directory) else { return 0 }
        defer { closedir(folder) }
        var count = 0
        while let entry = readdir(folder) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            guard name.hasSuffix(".sock") else { continue }
            let path = "\(directory)/\(name)"
            if try end(path) { count += 1 }
            unlink(path)
        }
        return count
    }

    /// False where nobody is behind the socket any more.
    private static func end(_ path: String) throws -> Bool {
        do throws(EventLoopError) {
            let socket = try PacketSocket(connectedTo: path, patience: .seconds(3))
            try socket.send(WorkerSockets.end)
            _ = try socket.receive()
            return true
        } catch {
            guard error.errno == ECONNREFUSED else { throw error }
            return false
        }
    }
}
