// SPDX-License-Identifier: Apache-2.0

import Dataplane
import Model

/// Where a new connection of a service with `forward: sockets` goes: its workers choose by the same table as the packet
/// path does.
struct SocketsExplanation: Encodable {
    let verdict = "passed"
    let reason = "this host's sockets"
    let service: String
    let slot: Int
    /// Nil where no backend takes new connections.
    let backend: String?
    let sends: String?
    let flow: String

    /// Nil where it is no such service's.
    init?(_ packet: MadePacket, in generation: Generation, down: Set<BackendID>) {
        let vip = VIP(
            address: packet.destination, port: packet.destinationPort, transport: packet.transport)
        guard let placed = generation.services.first(where: { $0.service.vip == vip }),
            placed.service.forwarding == .sockets
        else { return nil }
        let flow = Flow(
            client: packet.source, clientPort: packet.sourcePort, vipPort: vip.port, service: placed,
            seed: generation.seed)
        service = placed.service.name
        slot = flow.slot(in: placed.service.tableSize)
        self.flow = String(flow.hash, radix: 16)
        // In bounds: a flow's slot is below the size of its table.
        let id = placed.tables(down: down).current[slot]
        let chosen = placed.backends.first { $0.id.rawValue == id }?.backend
        backend = chosen?.name
        sends = chosen.map {
            "to \($0.address) port \($0.port), or the next backend of the table where a connect fails"
        }
    }

    var text: String {
        """
        verdict  \(verdict) to \(reason): connections are carried in user space
        service  \(service)
        slot     \(slot)
        backend  \(backend ?? "none takes new connections")
        sends    \(sends ?? "nothing")

        """
    }
}
