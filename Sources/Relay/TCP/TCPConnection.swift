// SPDX-License-Identifier: Apache-2.0

import EventLoop
import Glibc
import Model

/// One relayed connection: its sockets, what it holds of either side, where it stands.
struct TCPConnection: ~Copyable {
    /// What one direction holds: bytes of a buffer, or of a pipe.
    struct Holding: ~Copyable {
        var buffer: BufferPool.Buffer?
        /// Of the buffer's bytes that are not given on.
        var start = 0
        var pipe: Pipe?
        /// A receive found a full buffer: worth a pipe.
        var isBulk = false
    }

    let clientSocket: Descriptor
    var backendSocket: Descriptor?
    let client: SocketAddress
    /// The address that the client dialled.
    let arrival: VIP
    let service: RelayService
    let flow: Flow
    /// Its place in the service's backends.
    var backend = 0
    var attempt = 0
    var isConnected = false
    /// It is in the list of those that go on in the next turn, or when buffers are back.
    var isQueued = false
    var hasNoDelay = false
    var state = RelayState()
    var fromClient = Holding()
    var fromBackend = Holding()

    init(clientSocket: consuming Descriptor, client: SocketAddress, arrival: VIP, service: RelayService, flow: Flow) {
        self.clientSocket = clientSocket
        self.client = client
        self.arrival = arrival
        self.service = service
        self.flow = flow
    }

    var backendID: BackendID { service.backends[backend].id }
}
