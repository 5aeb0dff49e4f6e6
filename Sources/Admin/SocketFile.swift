// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc

/// The admin socket's place in the file system: unix(7).
///
/// It is bound beside its name, given its mode and group, and only then renamed into place: nobody can connect in
/// between, and the file of a dead daemon is replaced in the same step.
struct SocketFile: Sendable {
    let path: String

    /// Where it is bound first.
    var unready: String { "\(path).\(getpid())" }

    /// Throws where a living daemon answers on this path, or where the path is no socket.
    func checkFree() throws {
        // The temporary name has the process's number added, and is the longer one.
        guard unready.utf8.count < Self.longestPath else {
            throw Problem(
                "bind \(path): the path is longer than a socket's may be", remedy: "set a shorter directories.run",
                exitCode: .usage)
        }
        var status = stat()
        guard lstat(path, &status) == 0 else {
            guard errno == ENOENT else { throw failure("look at") }
            return
        }
        guard status.st_mode & S_IFMT == S_IFSOCK else {
            throw Problem("bind \(path): there is a file of that name that is no socket", remedy: "move it away")
        }
        guard try answers() else { return }
        throw Problem(
            "bind \(path): another sluiced listens there",
            remedy: "stop it, or give this one a directories.run of its own")
    }

    /// Gives the bound socket its mode and group and its name.
    func publish(group: UInt32?) throws {
        if let group, chown(unready, uid_t.max, group) != 0 { throw failure("set the group of") }
        guard chmod(unready, 0o660) == 0 else { throw failure("set the mode of") }
        guard rename(unready, path) == 0 else { throw failure("rename into place") }
    }

    func remove() {
        unlink(unready)
        unlink(path)
    }

    private static let longestPath = MemoryLayout.size(ofValue: sockaddr_un().sun_path)

    private func answers() throws -> Bool {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw failure("connect to") }
        defer { close(descriptor) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8.prefix(Self.longestPath - 1)) }
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        // A full backlog (EAGAIN) and a refused permission are signs of life too.
        return result == 0 || (errno != ECONNREFUSED && errno != ENOENT)
    }

    private func failure(_ operation: String) -> Problem {
        let code = errno
        return Problem(
            "\(operation) \(path): \(String(cString: strerror(code)))",
            exitCode: code == EACCES || code == EPERM ? .permission : .failed)
    }
}
