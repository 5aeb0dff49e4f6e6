// SPDX-License-Identifier: Apache-2.0

import EventLoop
import Model
import Relay

/// Why a sniffing listener gives a connection to nobody.
enum SniffRefusal: String, CaseIterable {
    /// It is neither TLS nor HTTP, and there is no service for such.
    case unknownProtocol
    /// It has not said enough in time, and there is no service for such.
    case silent
    /// It is TLS that asks for a name that passes through to nobody, and ends nowhere here.
    case unknownName
    /// The process has no descriptor, place or memory left.
    case exhausted
}

/// Where the connections of one sniffing listener go. A pure value.
struct SniffPlaces {
    enum Place: Hashable {
        /// To the listener's routes, after the handshake where it speaks TLS.
        case http(secure: Bool)
        /// As it is to the service of this VIP.
        case service(VIP)
        case refused(SniffRefusal)
    }

    private var exact: [String: VIP] = [:]
    /// By what follows `*.`.
    private var under: [String: VIP] = [:]
    private let raw: VIP?
    private let endsTLS: Bool

    /// - Parameter vips: of the services, by name.
    init(_ listener: Listener, _ vips: [String: VIP]) {
        for passage in listener.sniffing?.passages ?? [] {
            if passage.host.hasPrefix("*.") {
                under[String(passage.host.dropFirst(2))] = vips[passage.service]
            } else {
                exact[passage.host] = vips[passage.service]
            }
        }
        raw = listener.sniffing?.raw.flatMap { vips[$0] }
        endsTLS = listener.tls != nil
    }

    func place(of speech: SniffedSpeech) -> Place {
        switch speech {
        case .http: .http(secure: false)
        case .raw: raw.map(Place.service) ?? .refused(.unknownProtocol)
        case .undecided: raw.map(Place.service) ?? .refused(.silent)
        case .tls(let name):
            if let vip = name.flatMap(passage) {
                .service(vip)
            } else {
                endsTLS ? .http(secure: true) : raw.map(Place.service) ?? .refused(.unknownName)
            }
        }
    }

    /// The exact name's, else that of the longest name that it lies under.
    private func passage(of name: String) -> VIP? {
        if let vip = exact[name] { return vip }
        guard !under.isEmpty else { return nil }
        var rest = name[...]
        while let dot = rest.firstIndex(of: ".") {
            rest = rest[rest.index(after: dot)...]
            if let vip = under[String(rest)] { return vip }
        }
        return nil
    }
}

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
    func apply(_ order: WorkerOrder) throws {
        let vips = Dictionary(try order.relayed().map { ($0.placed.service.name, $0.placed.service.vip) }) { $1 }
        let listeners = try order.routing().listeners.filter { $0.sniffing != nil }
        places = Dictionary(listeners.map { ($0.bind, SniffPlaces($0, vips)) }) { $1 }
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
