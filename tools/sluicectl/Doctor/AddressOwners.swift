// SPDX-License-Identifier: Apache-2.0

import CLinux
import Diagnosis
import Model
import NextHops

/// Who else answers when the Ethernet of our interfaces is asked who has an address.
enum AddressOwners {
    /// Nobody is asked by NDP: a host answers only for addresses of the very interface, so loopbacks stay silent.
    static func others(of address: IPAddress, on interfaces: [Facts.Interface]) -> [Facts.VIPAddress.Answer] {
        guard address.isIPv4 else { return [] }
        return interfaces.flatMap { interface -> [Facts.VIPAddress.Answer] in
            guard let link = interface.link, link.isUp, link.hasCarrier, link.isEthernet, !link.isLoopback else {
                return []
            }
            return ask(for: address, interface.name, link.index)
        }
    }

    private static let patience: Int32 = 300
    private static let most = 8

    /// Empty where nobody answers or the question may not be asked: it needs a raw socket.
    private static func ask(for address: IPAddress, _ name: String, _ index: UInt32) -> [Facts.VIPAddress.Answer] {
        guard let own = hardwareAddress(of: name) else { return [] }
        var bytes = [UInt8](repeating: 0, count: 6 * most)
        let count = linux_arp_answers(
            Int32(index), own.bytes, address.v4Bits.bigEndian, patience, &bytes, Int32(most))
        return (0..<max(0, Int(count))).map { place in
            let bits = bytes[6 * place..<6 * place + 6].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
            return Facts.VIPAddress.Answer(interface: name, hardware: MACAddress(bits: bits))
        }
    }

    private static func hardwareAddress(of name: String) -> MACAddress? {
        do {
            return try NetworkInterfaces.find(name)?.interface.address
        } catch {
            return nil
        }
    }
}
