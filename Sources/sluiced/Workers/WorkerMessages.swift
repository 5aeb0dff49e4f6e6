// SPDX-License-Identifier: Apache-2.0

import EventLoop
import Foundation
import HTTP
import Model

/// What the daemon tells or asks a worker; each has one answer. What is large goes beside it in a file of memory.
enum WorkerRequest: Codable, Hashable, Sendable {
    /// Who are you?
    case hello
    /// Put the order beside this in force.
    case apply
    /// Count your connections with the others' in the shared counts beside this, in this place.
    case share(Int)
    /// Take what comes by the socket beside this.
    case listen(ListenerKey)
    case stopListening(ListenerKey)
    /// Write the access log of this listener's requests to the file beside this; without one, write none.
    case log(ListenerKey, listener: String)
    /// Give the socket of this number back; the worker keeps its own.
    case listener(Int)
    /// What have you counted?
    case report
    /// What is under way, so many at most?
    case connections(most: Int)
    /// Another worker has your sockets now: finish what is under way, then end.
    case drain
    /// End at once.
    case end
}

/// What a worker answers.
enum WorkerAnswer: Codable, Hashable, Sendable {
    case done
    case hello(WorkerIdentity)
    /// With its socket beside it.
    case listener(ListenerKey)
    /// There is no listener of such a number.
    case nothing
    /// With the figures beside it.
    case figures
    /// Unasked, the last that a drained worker says: with all that it has counted beside it.
    case parting
    case failed(String)
}

/// Who a worker is.
struct WorkerIdentity: Codable, Hashable, Sendable {
    /// Its place among the workers.
    var slot: Int
    /// Its program: workers of the daemon's own go on under it, others are replaced.
    var program: String
    var isDraining: Bool
}

/// What one worker counted since it began.
struct WorkerFigures: Codable, Hashable, Sendable {
    struct Service: Codable, Hashable, Sendable {
        var id: UInt16
        var accepted: UInt64 = 0
        var active: Int = 0
        var bytesIn: UInt64 = 0
        var bytesOut: UInt64 = 0
        var connectFailures: UInt64 = 0
        var datagramsIn: UInt64 = 0
        var datagramsOut: UInt64 = 0
        var datagramsDropped: UInt64 = 0
        /// By reason.
        var ended: [String: UInt64] = [:]
    }

    /// A listener of HTTP, or a sniffing one.
    struct HTTPListener: Codable, Hashable, Sendable {
        var key: ListenerKey
        var accepted: UInt64 = 0
        /// Connections, of clients and to backends.
        var active: Int = 0
        var requests: UInt64 = 0
        /// Connections of a sniffing one that are nobody's, by reason.
        var refused: [String: UInt64] = [:]
        /// Nil: its program does not tell.
        var traffic: ProxyTraffic?
    }

    var services: [Service] = []
    var http: [HTTPListener] = []
}

/// One connection, or UDP flow, that a worker relays.
struct WorkerConnection: Codable, Hashable, Sendable {
    var transport: String
    var client: String
    var vip: String
    var service: String
    var backend: String
    var backendAddress: String
    var isConnected: Bool
    var bytesIn: UInt64
    var bytesOut: UInt64
}

enum WorkerWire {
    /// Octets of an order, which the daemon makes; and of what a worker, who has fewer rights, answers the daemon.
    static let orderMax = 256 << 20
    static let figuresMax = 32 << 20

    static func bytes(_ value: some Encodable) throws -> [UInt8] { Array(try JSONEncoder().encode(value)) }

    static func value<Value: Decodable>(_ bytes: [UInt8], as: Value.Type) throws -> Value {
        try JSONDecoder().decode(Value.self, from: Data(bytes))
    }

    /// A value in a file of memory.
    static func file(_ value: some Encodable, name: String) throws -> Descriptor {
        try Descriptor.memory(name, holding: try bytes(value))
    }
}
