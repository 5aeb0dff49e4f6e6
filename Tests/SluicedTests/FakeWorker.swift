// SPDX-License-Identifier: Apache-2.0

import EventLoop
import Foundation
import Model
import Relay
import Synchronization

@testable import sluiced

/// A worker that speaks the daemon's protocol on a thread of this process, and remembers what it was told.
final class FakeWorker: Sendable {
    let path: String
    let told = Mutex<[WorkerRequest]>([])
    let orders = Mutex<[WorkerOrder]>([])
    /// With the place that it was given in them.
    let shared = Mutex<(counts: SharedCounts, place: Int)?>(nil)
    private let listening: OwnedDescriptor
    private let connection = Mutex<Connection?>(nil)
    private let answer: @Sendable (WorkerRequest, FakeWorker) throws -> Answer

    private final class Connection: Sendable {
        let link: PacketSocket

        init(_ link: consuming PacketSocket) { self.link = link }
    }

    /// One packet, with a descriptor where there is one; nil: it says nothing.
    struct Answer {
        var word: WorkerAnswer?
        var passing: OwnedDescriptor?
    }

    /// - Parameter answer: to what is asked; nil leaves it to `usual`.
    init(
        in directory: String, slot: Int, holding sockets: [(key: ListenerKey, socket: OwnedDescriptor)] = [],
        identity: WorkerIdentity? = nil, answering answer: (@Sendable (WorkerRequest) throws -> Answer?)? = nil
    ) throws {
        path = "\(directory)/\(slot)-\(String(UInt32.random(in: .min ... .max), radix: 16)).sock"
        listening = OwnedDescriptor(try PacketSocket.listener(at: path))
        let identity =
            identity
            ?? WorkerIdentity(slot: slot, program: WorkerProgram.own, isDraining: false)
        self.answer = { request, worker in
            try answer?(request) ?? Self.usual(request, identity, sockets)
        }
        Thread.detachNewThread { self.serve() }
    }

    private static func usual(
        _ request: WorkerRequest, _ identity: WorkerIdentity, _ sockets: [(key: ListenerKey, socket: OwnedDescriptor)]
    ) throws -> Answer {
        switch request {
        case .hello: return Answer(word: .hello(identity))
        case .listener(let number):
            guard sockets.indices.contains(number) else { return Answer(word: .nothing) }
            return Answer(word: .listener(sockets[number].key), passing: sockets[number].socket)
        case .report:
            return Answer(
                word: .figures,
                passing: OwnedDescriptor(try WorkerWire.file(WorkerFigures(), name: "sluice-fake")))
        default: return Answer(word: .done)
        }
    }

    /// The names of the services in each order that it was given.
    var services: [[String]] {
        get throws {
            try orders.withLock { $0 }.map { try $0.relayed().map(\.placed.service.name) }
        }
    }

    private func serve() {
        while true {
            do {
                guard let socket = try listening.descriptor.acceptWaiting() else { return }
                let current = Connection(PacketSocket(adopting: socket))
                connection.withLock { $0 = current }
                Thread.detachNewThread { self.serve(current) }
            } catch {
                // The test is over.
                if access(path, F_OK) != 0 { return }
            }
        }
    }

    private func serve(_ connection: Connection) {
        do {
            while let packet = try connection.link.receive() { try take(packet, connection.link) }
        } catch {
            // The daemon has hung up in the middle of an answer.
        }
        self.connection.withLock { if $0 === connection { $0 = nil } }
    }

    /// Closes the daemon's last connection, and takes another.
    func hangUp() {
        connection.withLock { _ = $0.map { shutdown($0.link.descriptor.rawValue, Int32(SHUT_RDWR)) } }
    }

    /// Ends: says this unasked, and takes no connection any more.
    func end(saying answer: Answer) throws {
        try connection.withLock { current in
            guard let word = answer.word else { return }
            try current?.link.send(WorkerWire.bytes(word), passing: answer.passing?.descriptor.rawValue ?? -1)
        }
        shutdown(listening.descriptor.rawValue, Int32(SHUT_RDWR))
        hangUp()
    }

    private func take(_ packet: borrowing Packet, _ link: borrowing PacketSocket) throws {
        let request = try WorkerWire.value(packet.bytes, as: WorkerRequest.self)
        told.withLock { $0.append(request) }
        if request == .apply {
            let order = try packet.payload(as: WorkerOrder.self)
            orders.withLock { $0.append(order) }
        }
        if case .share(let place) = request {
            let counts = try SharedActivity.take(try packet.duplicate())
            shared.withLock { $0 = (counts, place) }
        }
        let answer = try answer(request, self)
        guard let word = answer.word else { return }
        try link.send(WorkerWire.bytes(word), passing: answer.passing?.descriptor.rawValue ?? -1)
    }
}
