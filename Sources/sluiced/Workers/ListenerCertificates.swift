// SPDX-License-Identifier: Apache-2.0

import HTTP
import Model

/// The certificates that a worker's listeners show, made anew only where they have changed.
struct ListenerCertificates {
    private struct Made {
        let material: TLSMaterial
        let server: TLSServer
    }

    private var made: [ListenerKey: Made] = [:]
    private var secure: Set<ListenerKey> = []

    /// Where an order has nothing for a listener what it had goes on: this host's files do not serve now.
    mutating func take(_ order: WorkerOrder, _ routing: Routing) throws(TLSError) {
        secure = Set(routing.listeners.filter { $0.tls != nil }.map(ListenerKey.init))
        // A key that serves nobody is not kept.
        made = made.filter { secure.contains($0.key) }
        for key in secure {
            guard let material = order.tls["\(key.vip)"], material != made[key]?.material else { continue }
            // The daemon has looked at them when they came: they may have expired since.
            made[key] = Made(material: material, server: try TLSServer(material, admitsExpired: true))
        }
    }

    mutating func forget(_ key: ListenerKey) { made[key] = nil }

    /// Whether it can speak as it is to.
    func serves(_ key: ListenerKey) -> Bool { !secure.contains(key) || made[key] != nil }

    /// Nil: it speaks in clear.
    ///
    /// - Throws: where it is to speak TLS, and nothing serves.
    func server(of key: ListenerKey) throws(NoCertificates) -> TLSServer? {
        guard secure.contains(key) else { return nil }
        guard let one = made[key] else { throw NoCertificates(key: key) }
        return one.server
    }
}

/// A listener that is to speak TLS, whose files have not served yet.
struct NoCertificates: Error, CustomStringConvertible {
    let key: ListenerKey
    var description: String { "\(key.vip) has no certificates" }
}
