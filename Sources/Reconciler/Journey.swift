// SPDX-License-Identifier: Apache-2.0

import Model

/// How long a host takes over a generation, step by step; for its log.
struct Journey: Sendable {
    private var mark: Mark?
    private var seen = Duration.zero
    private var persisted: Duration?
    private var released: Duration?

    /// To be told after each event; of generations that follow each other closely the last is followed.
    mutating func look(at host: Host, at uptime: Duration) {
        if let newest = (host.newest ?? host.persisting)?.mark, newest != mark {
            (mark, seen, persisted, released) = (newest, uptime, nil, nil)
        }
        guard let mark else { return }
        if persisted == nil, host.highWater == mark { persisted = uptime }
        if released == nil, host.target?.mark == mark { released = uptime }
    }

    /// From when it was read from the store until it was in the maps; nil where that was not followed.
    func text(of applied: Mark, at uptime: Duration) -> String? {
        guard applied == mark, let persisted, let released else { return nil }
        return "disk \((persisted - seen).milliseconds), next hops \((released - persisted).milliseconds), "
            + "maps \((uptime - released).milliseconds)"
    }
}

extension Duration {
    /// `12.3 ms`.
    var milliseconds: String { "\((self / .milliseconds(1) * 10).rounded() / 10) ms" }
}
