// SPDX-License-Identifier: Apache-2.0

import BPF
import CDataplane
import Model

/// Whether a program reads the maps as this process writes them.
///
/// A program that was compiled of another version's sources may load, attach, and find no VIP: everything would look right
/// but the traffic. So each program is asked for one VIP in force before packets meet it.
struct Agreement {
    let paths: PinPaths

    /// - Throws: where the program does not find the VIP, or hashes a flow in another way.
    func check(_ program: LoadedProgram) throws(BPFError) {
        let kernel = try KernelState(paths, program: program)
        let entries = kernel.memory { $0.activeEntries() }
        guard let entry = entries.first(where: { $0.value != nil }), let vip = entry.value else { return }
        let packet = Self.packet(to: vip, among: entries.compactMap(\.value))
        let trace = try kernel.ask(packet).trace
        let flow = Flow(
            client: packet.source, clientPort: packet.sourcePort, vipPort: packet.destinationPort,
            isAnyPort: vip.port == 0, key: entry.key, seed: entry.seed)
        // A denied client, or a service without backends, gets no further than the service.
        let agrees =
            trace.flow == 0 || trace.flow == flow.hash && Int(trace.slot) == flow.slot(in: entry.tableSize)
        guard trace.service == UInt32(entry.service), agrees else {
            throw BPFError(
                operation: "use", subject: "program \(program.shortDigest)",
                cause:
                    "it does not find \(vip) as this sluiced wrote it: the program's sources are of another version; "
                    + "install sluiced and its bpf directory together")
        }
    }

    /// From an address for documentation (RFC 5737, RFC 3849); to an any-port VIP by a port that is no other VIP's.
    private static func packet(to vip: VIP, among others: [VIP]) -> MadePacket {
        let named = Set(others.filter { $0.address == vip.address && $0.transport == vip.transport }.map(\.port))
        let free = (1...UInt16.max).first { !named.contains($0) } ?? 1
        let client =
            vip.address.isIPv4
            ? IPAddress(v4: 0xcb00_7101) : IPAddress(high: 0x2001_0db8_0000_0000, low: 1)
        return MadePacket(
            source: client, sourcePort: 50_000, destination: vip.address,
            destinationPort: vip.port == 0 ? free : vip.port,
            kind: vip.transport == .udp ? .udp : .tcpSYN)
    }
}
