// SPDX-License-Identifier: Apache-2.0

import EventLoop
import Model
import Programs
import Relay

/// Listeners that tell connections apart, and give each to the relay or to the proxy of its listener.
final class SniffHandler: ListenerHandler {
    private let relay: RelayHandler
    private let http: HTTPHandler
    private var sniffer: Sniffer?
    private var places: [VIP: SniffPlaces] = [:]
    private var accepted: [VIP: UInt64] = [:]
    private var refused: [VIP: [SniffRefusal: UInt64]] = [:]

    init(loop: EventLoop, relay: RelayHandler, http: HTTPHandler) {
        self.relay = relay
        self.http = http
        sniffer = Sniffer(loop: loop) { [unowned self] socket, client, vip, speech in
            give(socket, client, vip, speech)
        }
    }

    func listen(on socket: consuming Descriptor, for key: ListenerKey) throws {
        try http.serve(key)
        try sniffer?.listen(on: socket, for: key.vip)
    }

    func stopListening(on key: ListenerKey) {
        sniffer?.stopListening(on: key.vip)
        http.stopListening(on: key)
    }

    /// After the relay and the proxies, which what comes now may go to.
    func prepare(_ order: WorkerOrder) throws -> () -> Void {
        let vips = Dictionary(try order.relayed().map { ($0.placed.service.name, $0.placed.service.vip) }) { $1 }
        let listeners = try order.routing().listeners.filter { $0.sniffing != nil }
        let places = Dictionary(listeners.map { ($0.bind, SniffPlaces($0, vips)) }) { $1 }
        return { [self] in self.places = places }
    }

    func drain() { sniffer?.drain() }

    var isIdle: Bool { sniffer?.waiting ?? 0 == 0 }

    /// The proxies' figures, with all that came to sniffing listeners.
    func adding(to figures: [WorkerFigures.HTTPListener]) -> [WorkerFigures.HTTPListener] {
        figures.map { figure in
            guard figure.key.kind == .sniff else { return figure }
            var figure = figure
            figure.accepted = accepted[figure.key.vip] ?? 0
            for (reason, count) in refused[figure.key.vip] ?? [:] { figure.refused[reason.rawValue] = count }
            return figure
        }
    }

    private func give(
        _ socket: consuming Descriptor, _ client: SocketAddress, _ vip: VIP, _ speech: SniffedSpeech
    ) {
        accepted[vip, default: 0] += 1
        // Closures cannot take over what has one owner; its number they can.
        switch places[vip]?.place(of: speech) ?? .refused(.unknownProtocol) {
        case .refused(let reason): refuse(socket, vip, reason)
        case .service(let service):
            let number = socket.release()
            attempt(vip) {
                try relay.worker.assumeIsolated {
                    try $0.adopt(Descriptor(adopting: number), from: client, for: service, arrival: vip)
                }
            }
        case .http(let secure):
            let number = socket.release()
            attempt(vip) {
                try http.adopt(
                    Descriptor(adopting: number), from: client, of: ListenerKey(.sniff, vip), secure: secure)
            }
        }
    }

    private func refuse(_ socket: borrowing Descriptor, _ vip: VIP, _ reason: SniffRefusal) {
        refused[vip, default: [:]][reason, default: 0] += 1
        // Its failure leaves an orderly close.
        _ = socket.willReset()
    }

    /// What fails has closed the socket.
    private func attempt(_ vip: VIP, _ body: () throws -> Void) {
        do { try body() } catch { refused[vip, default: [:]][.exhausted, default: 0] += 1 }
    }
}
