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

    init(clientSocket: consuming Descriptor, client: SocketAddress, service: RelayService, flow: Flow) {
        self.clientSocket = clientSocket
        self.client = client
        self.service = service
        self.flow = flow
    }

    var backendID: BackendID { service.backends[backend].id }
}

/// Connections by number. A number is used again, but never the token that epoll knew an earlier one by.
struct ConnectionTable: ~Copyable {
    let capacity: Int
    private(set) var count = 0
    private let places: UnsafeMutablePointer<TCPConnection>
    /// Odd where there is a connection.
    private let generations: UnsafeMutablePointer<UInt32>
    private let free: UnsafeMutablePointer<Int32>

    private static let generationMask: UInt32 = 0x7f_ffff

    init(capacity: Int) {
        self.capacity = capacity
        places = .allocate(capacity: capacity)
        generations = .allocate(capacity: capacity)
        generations.initialize(repeating: 0, count: capacity)
        free = .allocate(capacity: capacity)
        for index in 0..<capacity { free[index] = Int32(capacity - 1 - index) }
    }

    deinit {
        for index in 0..<capacity where generations[index] & 1 == 1 { (places + index).deinitialize(count: 1) }
        places.deallocate()
        generations.deallocate()
        free.deallocate()
    }

    var isFull: Bool { count == capacity }

    /// There must be room.
    mutating func insert(_ connection: consuming TCPConnection) -> Int {
        precondition(count < capacity, "no room for a connection")
        let index = Int(free[capacity - 1 - count])
        count += 1
        generations[index] = (generations[index] &+ 1) & Self.generationMask
        (places + index).initialize(to: connection)
        return index
    }

    /// Its sockets close, unless the answer is kept.
    mutating func remove(_ index: Int) -> TCPConnection {
        precondition(holds(index), "no such connection")
        count -= 1
        free[capacity - 1 - count] = Int32(index)
        generations[index] = (generations[index] &+ 1) & Self.generationMask
        return (places + index).move()
    }

    func holds(_ index: Int) -> Bool { index >= 0 && index < capacity && generations[index] & 1 == 1 }

    /// Valid while the connection is.
    func place(_ index: Int) -> UnsafeMutablePointer<TCPConnection> {
        precondition(holds(index), "no such connection")
        return places + index
    }

    /// 56 bits: generation 33..., number 1..., side 0.
    func token(_ index: Int, _ side: RelaySide) -> UInt64 {
        UInt64(generations[index]) << 33 | UInt64(index) << 1 | UInt64(side.rawValue)
    }

    /// Nil for the token of a connection that is gone.
    func connection(of token: UInt64) -> (index: Int, side: RelaySide)? {
        let index = Int(token >> 1 & 0xffff_ffff)
        guard holds(index), UInt64(generations[index]) == token >> 33 else { return nil }
        return (index, token & 1 == 0 ? .client : .backend)
    }
}
