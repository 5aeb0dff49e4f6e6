// SPDX-License-Identifier: Apache-2.0

import HTTP
import Model
import Programs

/// What the TLS files of this host's listeners hold, as they were when they last served.
///
/// Workers cannot read them, and generations do not have them: from here they go to the workers alone.
struct ListenerFiles {
    fileprivate struct Known {
        var tls: ListenerTLS
        var stamps: [FileStamp]
        /// Nil: they have not served yet.
        var material: TLSMaterial?
        var problem: String?
        var keysSince: Duration
    }

    struct Change: OptionSet {
        let rawValue: UInt8
        static let files = Change(rawValue: 1)
        /// Those of tickets.
        static let keys = Change(rawValue: 2)
    }

    private var known: [VIP: Known] = [:]

    /// As long as a session may be resumed (SSL_CTX_set_timeout(3)): of two keys the older opens all tickets still good.
    fileprivate static let ticketLife = Duration.seconds(7200)

    /// Reads what is new or has changed since the last look.
    ///
    /// - Returns: of what workers are to be told.
    mutating func look(_ routing: Routing, at uptime: Duration) -> Change {
        var change: Change = []
        var wanted: [VIP: Known] = [:]
        for listener in routing.listeners {
            guard let tls = listener.tls else { continue }
            let old = known[listener.bind]
            let stamps = tls.files.map(FileStamp.init)
            if var old, old.tls == tls, old.stamps == stamps {
                if old.rotate(at: uptime) { change.insert(.keys) }
                wanted[listener.bind] = old
                continue
            }
            wanted[listener.bind] = Self.read(tls, stamps, old, listener.name, at: uptime)
            change.insert(.files)
        }
        if wanted.count != known.count { change.insert(.files) }
        known = wanted
        return change
    }

    var materials: [String: TLSMaterial] {
        Dictionary(uniqueKeysWithValues: known.compactMap { bind, one in one.material.map { ("\(bind)", $0) } })
    }

    var problems: [String] { known.sorted { $0.key < $1.key }.compactMap(\.value.problem) }

    /// What a listener shows; nil: it speaks no TLS, or its files have not served yet.
    func shown(_ bind: VIP) -> [ShownCertificate]? {
        guard let material = known[bind]?.material else { return nil }
        do {
            return try material.shown()
        } catch {
            // Workers have made a server of it; a date that cannot be read is only not shown.
            return []
        }
    }

    /// Nothing can be served there yet.
    func lacks(_ bind: VIP) -> Bool { known[bind].map { $0.material == nil } ?? false }

    private static func read(
        _ tls: ListenerTLS, _ stamps: [FileStamp], _ old: Known?, _ name: String, at uptime: Duration
    ) -> Known {
        do {
            var material = try TLSMaterial(reading: tls)
            // A session says who its client was: one that other authorities let in is not resumed.
            let keeps = old?.material.map { $0.clientAuthority == material.clientAuthority } ?? false
            material.ticketKeys = keeps ? old?.material?.ticketKeys ?? [] : [randomKey()]
            return Known(
                tls: tls, stamps: stamps, material: material,
                keysSince: keeps ? old?.keysSince ?? uptime : uptime)
        } catch {
            let goesOn = old?.material == nil ? "" : "; what it had before goes on"
            return Known(
                tls: tls, stamps: stamps, material: old?.material,
                problem: "listener \(name): \(error)\(goesOn)", keysSince: old?.keysSince ?? uptime)
        }
    }

    fileprivate static func randomKey() -> [UInt8] {
        var source = SystemRandomNumberGenerator()
        return (0..<TLSServer.ticketKeyBytes).map { _ in UInt8.random(in: .min ... .max, using: &source) }
    }
}

extension ListenerFiles.Known {
    /// A new key for tickets now and then, so that one that is found out opens few sessions.
    fileprivate mutating func rotate(at uptime: Duration) -> Bool {
        guard let keys = material?.ticketKeys, uptime - keysSince >= ListenerFiles.ticketLife else { return false }
        material?.ticketKeys = [ListenerFiles.randomKey()] + keys.prefix(1)
        keysSince = uptime
        return true
    }
}
