// SPDX-License-Identifier: Apache-2.0

import EventLoop
import Glibc
import Model

/// Relays UDP on one loop: a client's datagrams to one backend for as long as the flow lives, its answers from the
/// address that the client sent to. What the kernel takes no more of is dropped and counted. For the loop's thread alone.
///
/// The PROXY protocol is not written in front of datagrams.
final class UDPRelay {
    struct Listener: ~Copyable {
        /// Nil where it is gone; its place may be another's later.
        var socket: Descriptor?
        var vip: VIP
    }

    private let loop: EventLoop
    private let ledger: RelayLedger
    private let clock: IdleClock
    private(set) var flows: SlotTable<UDPFlow>
    private var index: UDPFlowIndex
    private var sources: SourceCounts
    private var batch = Datagrams()
    private var table = RelayTable.empty
    private let listeners: UnsafeMutablePointer<Listener>
    private var listenerCount = 0
    private var takesNew = true
    private var listenerSink: SinkID?
    private var flowSink: SinkID?

    private static let listenersMax = 1024
    /// Batches that one socket may have in a turn.
    private static let batchBudget = 4

    init(loop: EventLoop, limits: RelayLimits, ledger: RelayLedger, secret: UInt64) {
        self.loop = loop
        self.ledger = ledger
        clock = IdleClock(loop: loop, capacity: limits.flows)
        flows = SlotTable(capacity: limits.flows)
        index = UDPFlowIndex(flows: limits.flows, secret: secret)
        sources = SourceCounts(connections: limits.flows, secret: secret)
        listeners = .allocate(capacity: Self.listenersMax)
    }

    deinit {
        listeners.deinitialize(count: listenerCount)
        listeners.deallocate()
    }

    func start() throws(EventLoopError) {
        listenerSink = try loop.sink { [unowned self] token, _ in listen(Int(token)) }
        flowSink = try loop.sink { [unowned self] token, _ in answer(token) }
        clock.start { [unowned self] flow in end(flow, .flowOver) }
    }

    /// Takes the VIP's datagrams from this socket from now on.
    func add(_ socket: consuming Descriptor, for vip: VIP) throws(EventLoopError) {
        let place = freePlace()
        guard place < Self.listenersMax, let listenerSink else {
            throw EventLoopError(operation: "add a UDP listener to", subject: loop.name, errno: ENOSPC)
        }
        let failure = loop.watch(
            socket.rawValue, for: .readable, sink: listenerSink, token: UInt64(place))
        guard failure == 0 else {
            throw EventLoopError(operation: "watch", subject: "UDP listener of \(vip)", errno: failure)
        }
        if place < listenerCount {
            listeners[place] = Listener(socket: socket, vip: vip)
        } else {
            (listeners + place).initialize(to: Listener(socket: socket, vip: vip))
            listenerCount += 1
        }
    }

    /// Takes nothing more of this VIP. Its flows end, as their answers go by its socket.
    func remove(_ vip: VIP) {
        for place in 0..<listenerCount where listeners[place].vip == vip {
            for flow in 0..<flows.capacity where flows.holds(flow) {
                if flows.place(flow).pointee.key.listener == place { end(flow, .stopped) }
            }
            unwatch(place)
            listeners[place].socket = nil
        }
    }

    private func freePlace() -> Int {
        for place in 0..<listenerCount where listeners[place].socket == nil { return place }
        return listenerCount
    }

    private func unwatch(_ place: Int) {
        // Others may have the same socket, so that a close alone does not end the watch.
        if let number = listeners[place].socket?.rawValue { loop.unwatch(number) }
    }

    /// Puts a table in force. Flows under way keep their backends, but for those whose backend is gone.
    func apply(_ table: RelayTable) {
        self.table = table
        for flow in 0..<flows.capacity where flows.holds(flow) {
            if !table.keeps(flows.place(flow).pointee.backendID) { end(flow, .drained) }
        }
    }

    /// No new flows; those that are stay, and so do the sockets that they come by.
    ///
    /// - Parameter handingOver: somebody else has the same sockets and takes what comes from now on: here flows only
    ///   give back what their backends still answer.
    func stopTaking(handingOver: Bool) {
        takesNew = false
        if handingOver { for place in 0..<listenerCount { unwatch(place) } }
    }

    func stop() {
        for flow in 0..<flows.capacity where flows.holds(flow) { end(flow, .stopped) }
        for place in 0..<listenerCount {
            unwatch(place)
            listeners[place].socket = nil
        }
        clock.stop()
        if let listenerSink { loop.remove(listenerSink) }
        if let flowSink { loop.remove(flowSink) }
    }

    // MARK: From clients

    private func listen(_ number: Int) {
        guard number < listenerCount else { return }
        for _ in 0..<Self.batchBudget {
            let count = receive(from: number)
            if count <= 0 { return }
            forward(count, from: number)
            if count < Datagrams.limit { return }
        }
    }

    private func receive(from number: Int) -> Int {
        switch listeners[number].socket {
        case .some(let socket): batch.receive(from: socket)
        case .none: 0
        }
    }

    /// Datagrams of one flow that lie side by side go by one call.
    private func forward(_ count: Int, from number: Int) {
        var start = 0
        while start < count {
            let key = key(of: start, number)
            var end = start + 1
            while end < count, self.key(of: end, number) == key { end += 1 }
            if let flow = find(key) ?? begin(key, batch[start]) {
                send(start..<end, of: flow)
            } else {
                drop(end - start, listeners[number].vip)
            }
            start = end
        }
    }

    private func key(of place: Int, _ number: Int) -> UDPFlow.Key {
        let facts = batch[place]
        return UDPFlow.Key(
            client: SocketAddress(high: facts.high, low: facts.low, port: facts.port, scope: facts.scope),
            listener: number)
    }

    private func send(_ run: Range<Int>, of flow: Int) {
        let place = flows.place(flow)
        clock.arm(flow, after: place.pointee.service.udpIdle)
        let bytes = run.reduce(0) { $0 + UInt64(batch[$1].length) }
        let sent = batch.send(run, through: place.pointee.socket, connected: true)
        let (service, backend) = (place.pointee.service.id, place.pointee.backendID)
        guard sent == run.count else {
            ledger[service].datagramsIn += UInt64(max(sent, 0))
            ledger[service].datagramsDropped += UInt64(run.count - max(sent, 0))
            if sent == -Int(ECONNREFUSED) { ledger[backend].connectFailures += 1 }
            return
        }
        ledger[service].datagramsIn += UInt64(sent)
        ledger[service].bytesIn += bytes
        ledger[backend].datagramsIn += UInt64(sent)
        ledger[backend].bytesIn += bytes
    }

    private func drop(_ count: Int, _ vip: VIP) {
        ledger[table.services[vip]?.id ?? ServiceID(rawValue: 0)].datagramsDropped += UInt64(count)
    }

    // MARK: Flows

    private func find(_ key: UDPFlow.Key) -> Int? {
        index.find(index.hash(key)) { flows.place($0).pointee.key == key }
    }

    private func begin(_ key: UDPFlow.Key, _ facts: Datagrams.Facts) -> Int? {
        guard takesNew else { return nil }
        guard let service = table.services[listeners[key.listener].vip] else {
            ledger.count(.noService, ServiceID(rawValue: 0))
            return nil
        }
        if let reason = refusal(of: key.client, by: service) { return refuse(service, reason) }
        guard let backend = service.backend(of: service.flow(from: key.client)) else {
            return refuse(service, .noBackend)
        }
        let address = service.backends[backend].address
        let number = Descriptor.openDatagram(family: address.family)
        guard number >= 0, let flowSink else { return refuse(service, .exhausted) }
        let socket = Descriptor(adopting: number)
        guard socket.begin(connectTo: address) == 0 else { return refuse(service, .connectFailed) }
        let flow = flows.insert(
            UDPFlow(
                key: key, socket: socket, service: service, backend: backend, localHigh: facts.local_high,
                localLow: facts.local_low))
        index.insert(index.hash(key), flow)
        sources.add(key.client, service.id)
        ledger.begin(service.id)
        ledger[service.backends[backend].id].connections += 1
        ledger[service.backends[backend].id].active += 1
        guard loop.watch(number, for: .readable, sink: flowSink, token: flows.token(flow)) == 0 else {
            end(flow, .exhausted)
            return nil
        }
        return flow
    }

    private func refusal(of client: SocketAddress, by service: RelayService) -> RelayReason? {
        if flows.isFull { return .exhausted }
        if !service.admits(client) { return .denied }
        if ledger.isFull(service.id, service.policy.connections) { return .serviceLimit }
        if sources.count(client, service.id) >= service.policy.connectionsPerSource { return .sourceLimit }
        return nil
    }

    private func refuse(_ service: RelayService, _ reason: RelayReason) -> Int? {
        ledger.count(reason, service.id)
        return nil
    }

    private func end(_ number: Int, _ reason: RelayReason) {
        guard flows.holds(number) else { return }
        let flow = flows.remove(number)
        clock.disarm(number)
        index.remove(index.hash(flow.key), number)
        sources.remove(flow.key.client, flow.service.id)
        ledger.count(reason, flow.service.id)
        ledger.end(flow.service.id)
        ledger[flow.backendID].active -= 1
    }

    // MARK: From backends

    private func answer(_ token: UInt64) {
        guard let flow = flows.index(of: token) else { return }
        let place = flows.place(flow)
        for _ in 0..<Self.batchBudget {
            let count = batch.receive(from: place.pointee.socket)
            // Nobody listens there: the error is told once, and the flow stays for its backend to come back.
            if count < 0 { ledger[place.pointee.backendID].connectFailures += 1 }
            if count <= 0 { return }
            give(count, to: place)
            clock.arm(flow, after: place.pointee.service.udpIdle)
            if count < Datagrams.limit { return }
        }
    }

    private func reply(_ count: Int, through number: Int) -> Int {
        switch listeners[number].socket {
        case .some(let socket): batch.send(0..<count, through: socket, connected: false)
        case .none: 0
        }
    }

    private func give(_ count: Int, to flow: UnsafeMutablePointer<UDPFlow>) {
        var bytes: UInt64 = 0
        for place in 0..<count {
            var facts = batch[place]
            bytes += UInt64(facts.length)
            let client = flow.pointee.key.client
            (facts.high, facts.low, facts.port, facts.scope) = (client.high, client.low, client.port, client.scope)
            (facts.local_high, facts.local_low) = (flow.pointee.localHigh, flow.pointee.localLow)
            batch[place] = facts
        }
        let sent = max(reply(count, through: flow.pointee.key.listener), 0)
        let (service, backend) = (flow.pointee.service.id, flow.pointee.backendID)
        ledger[service].datagramsOut += UInt64(sent)
        ledger[service].datagramsDropped += UInt64(count - sent)
        ledger[backend].datagramsOut += UInt64(sent)
        if sent == count {
            ledger[service].bytesOut += bytes
            ledger[backend].bytesOut += bytes
        }
    }
}
