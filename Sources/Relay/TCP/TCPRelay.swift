// SPDX-License-Identifier: Apache-2.0

import EventLoop
import Glibc
import Model

/// Relays TCP on one loop: accepts, connects to the backend that the packet path would choose, and moves bytes both ways
/// as `RelayState` says. For the loop's thread alone.
final class TCPRelay {
    struct Listener: ~Copyable {
        /// Nil where it is gone; its place may be another's later.
        var socket: Descriptor?
        var vip: VIP
        var isWatched = true
    }

    let loop: EventLoop
    let limits: RelayLimits
    let ledger: RelayLedger
    var connections: SlotTable<TCPConnection>
    var buffers: BufferPool
    var pipes: PipePool
    var sources: SourceCounts
    private(set) var table = RelayTable.empty
    private let listeners: UnsafeMutablePointer<Listener>
    private var listenerCount = 0
    private var sink: SinkID?
    private var acceptSink: SinkID?
    private let clock: IdleClock
    private var pause: TimerID?
    private var isAccepting = true
    /// Connections that go on in the next turn; and those that wait for a buffer.
    private var turn: [Int] = []
    private var taken: [Int] = []
    private var starved: [Int] = []

    /// Where no connection, descriptor or memory is left.
    private static let pauseTime = Duration.milliseconds(100)
    static let listenersMax = 1024
    /// Connections that one listener may have accepted in a turn, steps that one connection may take in one.
    private static let acceptBudget = 64
    private static let stepBudget = 16

    init(loop: EventLoop, limits: RelayLimits, ledger: RelayLedger, secret: UInt64) {
        self.loop = loop
        self.limits = limits
        self.ledger = ledger
        connections = SlotTable(capacity: limits.connections)
        buffers = BufferPool(size: limits.bufferBytes, limit: limits.buffers)
        pipes = PipePool(limit: limits.pipes, room: limits.pipeBytes)
        sources = SourceCounts(connections: limits.connections, secret: secret)
        clock = IdleClock(loop: loop, capacity: limits.connections)
        listeners = .allocate(capacity: Self.listenersMax)
        turn.reserveCapacity(limits.connections)
        taken.reserveCapacity(limits.connections)
        starved.reserveCapacity(limits.connections)
    }

    deinit {
        listeners.deinitialize(count: listenerCount)
        listeners.deallocate()
    }

    func start() throws(EventLoopError) {
        sink = try loop.sink { [unowned self] token, readiness in ready(token, readiness) }
        acceptSink = try loop.sink { [unowned self] token, _ in accept(Int(token)) }
        clock.start { [unowned self] index in timedOut(index) }
        pause = loop.timer { [unowned self] in endPause() }
        loop.onTurn { [weak self] in self?.endTurn() ?? false }
    }

    /// Accepts on a listening socket from now on.
    func add(_ socket: consuming Descriptor, for vip: VIP) throws(EventLoopError) {
        let place = freePlace()
        guard place < Self.listenersMax, let acceptSink else {
            throw EventLoopError(operation: "add a listener to", subject: loop.name, errno: ENOSPC)
        }
        // What is accepted has it too: bytes that were given on once are not to wait for others.
        try socket.setOption(Int32(IPPROTO_TCP), TCP_NODELAY, 1)
        let failure = loop.watch(
            socket.rawValue, for: isAccepting ? .readable : [], sink: acceptSink, token: UInt64(place))
        guard failure == 0 else {
            throw EventLoopError(operation: "watch", subject: "listener of \(vip)", errno: failure)
        }
        if place < listenerCount {
            listeners[place] = Listener(socket: socket, vip: vip, isWatched: isAccepting)
        } else {
            (listeners + place).initialize(to: Listener(socket: socket, vip: vip, isWatched: isAccepting))
            listenerCount += 1
        }
    }

    /// Accepts no more for this VIP. What was accepted goes on.
    func remove(_ vip: VIP) {
        for place in 0..<listenerCount where listeners[place].vip == vip { close(place) }
    }

    private func freePlace() -> Int {
        for place in 0..<listenerCount where listeners[place].socket == nil { return place }
        return listenerCount
    }

    private func close(_ place: Int) {
        // Others may have the same socket, so that the close alone does not end the watch.
        if let number = listeners[place].socket?.rawValue { loop.unwatch(number) }
        listeners[place].socket = nil
    }

    /// Puts a table in force. Connections under way keep their backends, but for those whose backend is gone.
    func apply(_ table: RelayTable) {
        self.table = table
        for index in 0..<connections.capacity where connections.holds(index) {
            if !table.keeps(connections.place(index).pointee.backendID) { end(index, .drained, resetting: true) }
        }
    }

    /// Takes no new connections. The listening sockets close: what waits in their queues goes to the group's others
    /// where the kernel migrates, or is to be taken before.
    func stopAccepting() {
        isAccepting = false
        for place in 0..<listenerCount { close(place) }
    }

    /// Resets all.
    func stop() {
        stopAccepting()
        for index in 0..<connections.capacity where connections.holds(index) { end(index, .stopped, resetting: true) }
        clock.stop()
        if let pause { loop.remove(pause) }
        if let sink { loop.remove(sink) }
        if let acceptSink { loop.remove(acceptSink) }
    }

    // MARK: Events

    private func ready(_ token: UInt64, _ readiness: Readiness) {
        guard let index = connections.index(of: token) else { return }
        let side: RelaySide = token & 1 == 0 ? .client : .backend
        let place = connections.place(index)
        guard place.pointee.isConnected else { return connected(index, readiness) }
        place.pointee.state.ready(side, readiness)
        clock.arm(index, after: place.pointee.service.policy.idleTimeout)
        advance(index)
    }

    /// Takes a connection's steps until it waits, ends or has had its share of the turn.
    func advance(_ index: Int) {
        let place = connections.place(index)
        for _ in 0..<Self.stepBudget {
            switch place.pointee.state.next() {
            case .receive(let side): receive(place, from: side, index)
            case .send(let side): send(place, from: side)
            case .passEnd(let side):
                if side == .client {
                    place.pointee.backendSocket?.endSending()
                } else {
                    place.pointee.clientSocket.endSending()
                }
                place.pointee.state.endPassed(from: side)
            case .close: return end(index, .finished, resetting: false)
            case .reset(let reason): return end(index, reason, resetting: true)
            case .wait: return
            }
        }
        queue(index)
    }

    private func queue(_ index: Int) {
        let place = connections.place(index)
        if place.pointee.isQueued { return }
        place.pointee.isQueued = true
        // Never grows: each connection is in it once, and there is room for all.
        turn.append(index)
    }

    /// It goes on when a buffer has come back.
    func starve(_ index: Int) {
        let place = connections.place(index)
        if place.pointee.isQueued { return }
        place.pointee.isQueued = true
        starved.append(index)
    }

    private func endTurn() -> Bool {
        if !buffers.isExhausted, !starved.isEmpty {
            for index in starved where connections.holds(index) { resume(index) }
            starved.removeAll(keepingCapacity: true)
        }
        swap(&turn, &taken)
        for index in taken where connections.holds(index) {
            connections.place(index).pointee.isQueued = false
            if connections.place(index).pointee.isConnected { advance(index) }
        }
        taken.removeAll(keepingCapacity: true)
        return !turn.isEmpty
    }

    private func resume(_ index: Int) {
        connections.place(index).pointee.state.resume(.client)
        connections.place(index).pointee.state.resume(.backend)
        turn.append(index)
    }

    // MARK: Accepting

    private func accept(_ number: Int) {
        guard number < listenerCount else { return }
        var client = SocketAddress.loopback(port: 0)
        for _ in 0..<Self.acceptBudget {
            if connections.isFull { return beginPause() }
            let answer = listeners[number].socket?.acceptFrom(&client) ?? -EAGAIN
            if answer >= 0 {
                begin(Descriptor(adopting: answer), client, listeners[number].vip, arrival: listeners[number].vip)
            } else {
                // No descriptor or memory is left: the queue keeps what waits, and nobody spins over it.
                if answer != -EAGAIN { beginPause() }
                return
            }
        }
    }

    /// Takes a connection that somebody else accepted, as if it had come to the service's VIP.
    ///
    /// - Parameter arrival: the address that the client dialled.
    func adopt(_ socket: consuming Descriptor, from client: SocketAddress, for vip: VIP, arrival: VIP) {
        if connections.isFull {
            return refuse(socket, table.services[vip]?.id ?? ServiceID(rawValue: 0), .exhausted)
        }
        begin(socket, client, vip, arrival: arrival)
    }

    private func begin(_ socket: consuming Descriptor, _ client: SocketAddress, _ vip: VIP, arrival: VIP) {
        guard let service = table.services[vip] else {
            // Its listener outlives its service for a moment.
            refuse(socket, ServiceID(rawValue: 0), .noService)
            return
        }
        if let reason = refusal(of: client, by: service) { return refuse(socket, service.id, reason) }
        let flow = service.flow(from: client)
        guard let backend = service.backend(of: flow) else { return refuse(socket, service.id, .noBackend) }
        let index = connections.insert(
            TCPConnection(clientSocket: socket, client: client, arrival: arrival, service: service, flow: flow))
        connections.place(index).pointee.backend = backend
        sources.add(client, service.id)
        ledger.begin(service.id)
        connect(index)
    }

    private func refusal(of client: SocketAddress, by service: RelayService) -> RelayReason? {
        if !service.admits(client) { return .denied }
        if ledger.isFull(service.id, service.policy.connections) { return .serviceLimit }
        if sources.count(client, service.id) >= service.policy.connectionsPerSource { return .sourceLimit }
        return nil
    }

    private func refuse(_ socket: consuming Descriptor, _ service: ServiceID, _ reason: RelayReason) {
        ledger.count(reason, service)
        reset(socket)
    }

    /// A failure of SO_LINGER leaves an orderly close.
    private func reset(_ socket: borrowing Descriptor) { _ = socket.willReset() }

    private func beginPause() {
        watchListeners(false)
        if let pause { loop.arm(pause, after: Self.pauseTime) }
    }

    private func endPause() {
        if connections.isFull { return beginPause() }
        if isAccepting { watchListeners(true) }
    }

    private func watchListeners(_ isWatched: Bool) {
        guard let acceptSink else { return }
        for number in 0..<listenerCount where listeners[number].isWatched != isWatched {
            guard let socket = listeners[number].socket?.rawValue else { continue }
            let failure = loop.rewatch(
                socket, for: isWatched ? .readable : [], sink: acceptSink,
                token: UInt64(number))
            if failure == 0 { listeners[number].isWatched = isWatched }
        }
    }

    // MARK: Connecting

    /// Connects to the chosen backend, or to the next of those that remain.
    private func connect(_ index: Int) {
        let place = connections.place(index)
        while true {
            let failure = begin(connectOf: place, index)
            if failure == 0 { return clock.arm(index, after: place.pointee.service.policy.connectTimeout) }
            if !chooseNext(place) {
                let isOwnFault = failure == EMFILE || failure == ENFILE || failure == EADDRNOTAVAIL
                return end(index, isOwnFault ? .exhausted : .connectFailed, resetting: true)
            }
        }
    }

    /// - Returns: 0 where it is under way, or errno.
    private func begin(connectOf place: UnsafeMutablePointer<TCPConnection>, _ index: Int) -> Int32 {
        let address = place.pointee.service.backends[place.pointee.backend].address
        guard let sink else { return EBADF }
        let number = Descriptor.openStream(family: address.family)
        guard number >= 0 else { return -number }
        let socket = Descriptor(adopting: number)
        let answer = socket.begin(connectTo: address)
        guard answer == 0 || answer == EINPROGRESS else { return answer }
        place.pointee.backendSocket = consume socket
        // Connected or refused already, it tells so at once.
        return loop.watch(
            number, for: [.readable, .writable, .peerClosed, .edgeTriggered], sink: sink,
            token: connections.token(index, bit: RelaySide.backend.rawValue))
    }

    private func chooseNext(_ place: UnsafeMutablePointer<TCPConnection>) -> Bool {
        ledger[place.pointee.service.id].connectFailures += 1
        ledger[place.pointee.backendID].connectFailures += 1
        place.pointee.backendSocket = nil
        place.pointee.attempt += 1
        let service = place.pointee.service
        guard let next = service.backend(of: place.pointee.flow, attempt: place.pointee.attempt) else { return false }
        place.pointee.backend = next
        return true
    }

    /// A connect has come to its end.
    private func connected(_ index: Int, _ readiness: Readiness) {
        let place = connections.place(index)
        // Only a failure needs to be asked for.
        let hasFailed = !readiness.isDisjoint(with: [.error, .hangup])
        if hasFailed, place.pointee.backendSocket?.pendingError() != 0 { return connectFailed(index) }
        place.pointee.isConnected = true
        ledger[place.pointee.backendID].connections += 1
        ledger[place.pointee.backendID].active += 1
        guard announce(place) else { return end(index, .exhausted, resetting: true) }
        clock.arm(index, after: place.pointee.service.policy.idleTimeout)
        place.pointee.state.ready(.backend, readiness)
        // Most clients have spoken by now. Read before it is watched, so that the first event finds only what is new.
        place.pointee.state.ready(.client, .readable)
        let token = connections.token(index, bit: RelaySide.client.rawValue)
        advance(index)
        guard connections.index(of: token) != nil, let sink else { return }
        let failure = loop.watch(
            place.pointee.clientSocket.rawValue, for: [.readable, .writable, .peerClosed, .edgeTriggered], sink: sink,
            token: token)
        if failure != 0 { end(index, .exhausted, resetting: true) }
    }

    private func connectFailed(_ index: Int) {
        if chooseNext(connections.place(index)) { connect(index) } else { end(index, .connectFailed, resetting: true) }
    }

    private func timedOut(_ index: Int) {
        guard connections.holds(index) else { return }
        if connections.place(index).pointee.isConnected {
            end(index, .idle, resetting: true)
        } else {
            connectFailed(index)
        }
    }

    // MARK: Ending

    func end(_ index: Int, _ reason: RelayReason, resetting: Bool) {
        var connection = connections.remove(index)
        clock.disarm(index)
        release(&connection.fromClient, held: connection.state[.client].held)
        release(&connection.fromBackend, held: connection.state[.backend].held)
        if resetting {
            reset(connection.clientSocket)
            if let socket = connection.backendSocket.take() { reset(socket) }
        }
        let service = connection.service.id
        sources.remove(connection.client, connection.service.id)
        ledger.count(reason, service)
        ledger.end(service)
        if connection.isConnected { ledger[connection.backendID].active -= 1 }
    }

    private func release(_ holding: inout TCPConnection.Holding, held: Int) {
        if let buffer = holding.buffer.take() { buffers.giveBack(buffer) }
        if let pipe = holding.pipe.take() { pipes.giveBack(pipe, isEmpty: held == 0) }
    }
}
