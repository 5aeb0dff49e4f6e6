// SPDX-License-Identifier: Apache-2.0

import Model

/// Which services the workers go on with while an order is put in force. A pure value.
enum CarriedServices {
    /// Those that sockets are to serve, and behind them what workers still hold sockets of until the packet path has it:
    /// as the generation has it, else as it was. A daemon that has just begun knows of the latter by the sockets alone.
    static func carried(
        _ wanted: [PlacedService], of generation: Generation, earlier: [PlacedService], open: Set<ListenerKey>
    ) -> [PlacedService] {
        var taken = Set(wanted.map(\.service.vip))
        let names = Set(wanted.map(\.service.name))
        let others = (generation.services + earlier).filter { placed in
            let vip = placed.service.vip
            guard open.contains(ListenerKey(.relay, vip)), !names.contains(placed.service.name) else { return false }
            return taken.insert(vip).inserted
        }
        return wanted + others
    }
}
