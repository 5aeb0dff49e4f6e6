// SPDX-License-Identifier: Apache-2.0

import EventLoop
import Glibc

/// The daemon's connection to one worker, its own or one that an earlier daemon left. Calls wait for the answer. Workers
/// have fewer rights than the daemon: what they say is bounded and checked.
final class WorkerLink: @unchecked Sendable {
    // Unchecked: the workforce's loop alone touches it.

    let path: String
    let peer: WorkerPeer
    let identity: WorkerIdentity
    var registration: Registration?
    /// What it said last that it had counted: all that is left of it when it dies.
    var counted = WorkerFigures()
    /// Its place in the shared counts.
    var place: Int?
    /// The files that it writes its listeners' access logs to, by their numbers.
    var logs: [ListenerKey: Int] = [:]
    private let socket: PacketSocket

    private static let patience = Duration.seconds(3)
    /// Of all that a worker may be asked for at once.
    private static let listeningTime = Duration.seconds(10)
    static let listenersMax = 2048
    /// Packets that may wait in its socket.
    private static let unreadMax = 64

    /// Connects, and asks who it is.
    ///
    /// - Parameter slot: the worker's place, by the name that the daemon gave its socket.
    init(path: String, slot: Int) throws {
        self.path = path
        socket = try PacketSocket(connectedTo: path, patience: Self.patience)
        try socket.nameSenders()
        try socket.send(WorkerWire.bytes(WorkerRequest.hello))
        guard let packet = try socket.receive(), let sender = packet.sender,
            case .hello(let identity) = try WorkerWire.value(packet.bytes, as: WorkerAnswer.self)
        else { throw WorkerFailure(path: path, cause: "it does not say who it is") }
        guard identity.slot == slot else {
            throw WorkerFailure(path: path, cause: "it says that it is worker \(identity.slot)")
        }
        peer = try WorkerPeer(sender)
        self.identity = identity
    }

    var descriptor: Int32 { socket.descriptor.rawValue }

    /// Tells when the worker is gone.
    func watch(on loop: EventLoop, _ gone: @escaping () -> Void) throws {
        registration = try loop.register(socket.descriptor, for: .peerClosed) { _ in gone() }
    }

    func tell(_ request: WorkerRequest, passing passed: Int32 = -1) throws {
        _ = try ask(request, passing: passed)
    }

    /// With a value in a file of memory.
    func tell(_ request: WorkerRequest, beside payload: some Encodable) throws {
        let file = try WorkerWire.file(payload, name: "sluice-order")
        try tell(request, passing: file.rawValue)
    }

    /// What the worker answers beside its words.
    func figures<Value: Decodable>(_ request: WorkerRequest, as type: Value.Type) throws -> Value {
        try ask(request).payload(as: type, most: WorkerWire.figuresMax)
    }

    /// The listeners that it has, with their sockets.
    ///
    /// - Throws: where it goes on for ever, or gives a socket that the daemon would not have opened for it.
    func listeners() throws -> [(key: ListenerKey, socket: OwnedDescriptor)] {
        var found: [(ListenerKey, OwnedDescriptor)] = []
        let deadline = ContinuousClock.now + Self.listeningTime
        while true {
            let packet = try ask(.listener(found.count))
            guard case .listener(let key) = try WorkerWire.value(packet.bytes, as: WorkerAnswer.self) else {
                return found
            }
            guard found.count < Self.listenersMax, ContinuousClock.now < deadline else {
                throw WorkerFailure(path: path, cause: "its listeners have no end")
            }
            let socket = OwnedDescriptor(try packet.duplicate())
            if let fault = ListenerSockets.fault(of: socket.descriptor, for: key.vip) {
                throw WorkerFailure(path: path, cause: "its socket of \(key.vip) \(fault)")
            }
            found.append((key, socket))
        }
    }

    /// Of a worker whose end is closed, or ought to be: takes what it said last, if it had time to.
    func hearParting() {
        do {
            // Late answers may lie before it.
            for _ in 0..<Self.unreadMax {
                guard let packet = try socket.receive(), try !takeParting(packet) else { return }
            }
        } catch {
            // It did not part in order: what it said before stands.
        }
    }

    private func takeParting(_ packet: borrowing Packet) throws -> Bool {
        guard case .parting = try WorkerWire.value(packet.bytes, as: WorkerAnswer.self) else { return false }
        counted = try packet.payload(as: WorkerFigures.self, most: WorkerWire.figuresMax).checked
        return true
    }

    private func ask(_ request: WorkerRequest, passing passed: Int32 = -1) throws -> Packet {
        do {
            try socket.send(WorkerWire.bytes(request), passing: passed)
        } catch let error as EventLoopError where error.errno == EPIPE {
            hearParting()
            throw error
        }
        guard let packet = try socket.receive() else { throw WorkerFailure(path: path, cause: "it is gone") }
        if case .failed(let cause) = try WorkerWire.value(packet.bytes, as: WorkerAnswer.self) {
            throw WorkerRefusal(cause: cause)
        }
        if try takeParting(packet) { throw WorkerFailure(path: path, cause: "it has finished") }
        return packet
    }
}

/// A worker that cannot be talked with.
struct WorkerFailure: Error, CustomStringConvertible {
    let path: String
    let cause: String
    var description: String { "worker at \(path): \(cause)" }
}

/// A worker that says no.
struct WorkerRefusal: Error, CustomStringConvertible {
    let cause: String
    var description: String { "a worker refuses: \(cause)" }
}
