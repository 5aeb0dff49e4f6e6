// SPDX-License-Identifier: Apache-2.0

import BPF
import Dataplane
import Documents
import Glibc

/// Whether this user may look at what the daemon keeps, said in one line before anything else is tried.
enum Reach {
    /// Throws a `Failure` where a directory is there and not to be looked into.
    static func check(_ directory: String) throws {
        if isDenied(directory) { throw denied(directory) }
    }

    static func isDenied(_ directory: String) -> Bool { access(directory, R_OK | X_OK) != 0 && errno == EACCES }

    static func denied(_ path: String) -> Failure {
        let words = CommandLine.arguments.dropFirst().joined(separator: " ")
        return Failure(.permission, "\(path): permission denied", remedy: "be root:  sudo sluicectl \(words)")
    }

    /// The pins of an installation.
    static func kernel(of host: HostConfiguration) throws -> KernelState {
        let root = host.datapath.bpfRoot
        do {
            return try KernelState.open(bpfRoot: root)
        } catch {
            switch error.errno {
            case EACCES, EPERM: throw denied(root)
            case ENOENT:
                throw Failure(
                    .unreachable, "\(error.subject): \(error.cause)",
                    remedy: "start it:  systemctl start sluiced\n  or name its configuration with --config")
            default: throw error
            }
        }
    }
}
