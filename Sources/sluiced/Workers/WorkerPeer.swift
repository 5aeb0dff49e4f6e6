// SPDX-License-Identifier: Apache-2.0

import CLinux
import EventLoop
import Glibc

/// The process at the other end, as the kernel names it: a worker's own word of its number is not taken, since the daemon
/// may signal any process.
struct WorkerPeer: Sendable {
    let process: pid_t
    let user: UInt32
    /// Means this very process, whoever has its number later: pidfd_open(2).
    private let handle: OwnedDescriptor

    init(_ sender: Packet.Sender) throws(EventLoopError) {
        (process, user) = (sender.process, sender.user)
        handle = OwnedDescriptor(
            try Descriptor(
                adopting: linux_pidfd_open(sender.process), operation: "open process", subject: "\(sender.process)"))
    }

    /// At once: what it carries is reset.
    func kill() { _ = linux_pidfd_signal(handle.descriptor.rawValue, SIGKILL) }
}
