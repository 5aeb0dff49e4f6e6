// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
import NIOCore

/// Who is at the other end of the admin socket, as the kernel says: unix(7), SO_PEERCRED.
public struct Caller: Hashable, Sendable {
    public let processID: Int32
    public let userID: UInt32
    public let groupID: UInt32

    public init(processID: Int32, userID: UInt32, groupID: UInt32) {
        self.processID = processID
        self.userID = userID
        self.groupID = groupID
    }

    /// The user's name; its number where the database has none.
    public var name: String {
        var entry = passwd()
        var found: UnsafeMutablePointer<passwd>?
        var text = [CChar](repeating: 0, count: Int(SLUICE_PEER_TEXT_MAX))
        guard getpwuid_r(userID, &entry, &text, text.count, &found) == 0, let name = found?.pointee.pw_name else {
            return "uid \(userID)"
        }
        return String(cString: name)
    }

    static func of(_ channel: any Channel) async throws -> Caller {
        guard let options = channel as? any SocketOptionProvider else {
            throw Problem("the connection has no socket to ask for its caller", exitCode: .permission)
        }
        let name = NIOBSDSocket.Option(rawValue: CInt(SLUICE_SO_PEERCRED))
        let peer: sluice_peer = try await options.unsafeGetSocketOption(level: .socket, name: name).get()
        return Caller(processID: peer.pid, userID: peer.uid, groupID: peer.gid)
    }
}

/// Who may use the admin socket: root, the user that the daemon runs as, and one group's members.
public struct Access: Hashable, Sendable {
    let owner: UInt32
    let group: UInt32?

    public init(owner: UInt32, group: UInt32?) {
        self.owner = owner
        self.group = group
    }

    public func allows(_ caller: Caller) -> Bool {
        guard caller.userID != 0, caller.userID != owner else { return true }
        guard let group else { return false }
        return caller.groupID == group || sluice_user_in_group(caller.userID, group) == 1
    }
}
