// SPDX-License-Identifier: Apache-2.0

import EventLoop
import Model

/// One connection or UDP flow under way, for a person to look at.
public struct RelayConnection: Hashable, Sendable {
    public let vip: VIP
    public let client: SocketAddress
    public let service: String
    public let backend: String
    public let backendAddress: SocketAddress
    /// False while its backend has not answered.
    public let isConnected: Bool
    /// From the client, as far as they were given on; of UDP they are not counted by flow.
    public let bytesIn: UInt64
    public let bytesOut: UInt64
}

extension RelayWorker {
    /// What is under way, so many at most.
    public func connections(most: Int) -> [RelayConnection] {
        let streams = tcp?.listing(most: most) ?? []
        return streams + (udp?.listing(most: most - streams.count) ?? [])
    }
}

extension TCPRelay {
    func listing(most: Int) -> [RelayConnection] {
        var list: [RelayConnection] = []
        for index in 0..<connections.capacity where connections.holds(index) && list.count < most {
            let place = connections.place(index)
            let service = place.pointee.service
            let backend = service.backends[place.pointee.backend]
            list.append(
                RelayConnection(
                    vip: place.pointee.arrival, client: place.pointee.client, service: service.name,
                    backend: backend.name,
                    backendAddress: backend.address, isConnected: place.pointee.isConnected,
                    bytesIn: place.pointee.state[.client].moved, bytesOut: place.pointee.state[.backend].moved))
        }
        return list
    }
}

extension UDPRelay {
    func listing(most: Int) -> [RelayConnection] {
        var list: [RelayConnection] = []
        for index in 0..<flows.capacity where flows.holds(index) && list.count < most {
            let place = flows.place(index)
            let service = place.pointee.service
            let backend = service.backends[place.pointee.backend]
            list.append(
                RelayConnection(
                    vip: service.vip, client: place.pointee.key.client, service: service.name, backend: backend.name,
                    backendAddress: backend.address, isConnected: true, bytesIn: 0, bytesOut: 0))
        }
        return list
    }
}
