// SPDX-License-Identifier: Apache-2.0

import Glibc
import Model

/// A pair of virtual interfaces in the namespace of the thread that made it: frames that go into one end come out of
/// the other.
struct Wire: Sendable {
    /// The end whose program is measured.
    let near: NetworkInterface
    /// The end that frames are put in at and come back to.
    let far: NetworkInterface

    init() throws(BenchmarkError) {
        // With one queue a side, two CPUs would share one.
        let queues = ["numtxqueues", "2", "numrxqueues", "2"]
        try Self.ip(["link", "add", "sluice0"] + queues + ["type", "veth", "peer", "name", "sluice1"] + queues)
        near = try Self.up("sluice0", address: MACAddress(bits: 0x0200_0000_0001))
        far = try Self.up("sluice1", address: MACAddress(bits: 0x0200_0000_0002))
    }

    func remove() throws(BenchmarkError) { try Self.ip(["link", "del", near.name]) }

    private static func up(_ name: String, address: MACAddress) throws(BenchmarkError) -> NetworkInterface {
        try ip(["link", "set", name, "address", "\(address)", "mtu", "\(mtu)", "up"])
        let index = if_nametoindex(name)
        guard index != 0 else { throw BenchmarkError("find interface \(name)", code: errno) }
        return NetworkInterface(index: index, name: name, address: address, mtu: mtu, isVirtual: true)
    }

    private static let mtu: UInt16 = 1500

    /// Runs ip(8) in the thread's namespace; what it complains of goes to standard error.
    private static func ip(_ arguments: [String]) throws(BenchmarkError) {
        let operation = (["ip"] + arguments).joined(separator: " ")
        var words = (["ip"] + arguments).map { strdup($0) } + [nil]
        defer { for word in words { free(word) } }
        var process: pid_t = 0
        let result = posix_spawnp(&process, "ip", nil, nil, &words, environ)
        guard result == 0 else { throw BenchmarkError(operation, code: result) }
        var status: Int32 = 0
        while waitpid(process, &status, 0) < 0 {
            if errno != EINTR { throw BenchmarkError(operation, code: errno) }
        }
        if status != 0 { throw BenchmarkError(operation, cause: "it ended with status \(status >> 8 & 0xff)") }
    }
}
