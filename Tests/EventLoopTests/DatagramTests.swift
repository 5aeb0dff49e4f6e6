// SPDX-License-Identifier: Apache-2.0

import EventLoop
import Glibc
import Testing

struct DatagramTests {
    private func wait(_ socket: borrowing Descriptor) {
        var poll = pollfd(fd: socket.rawValue, events: Int16(POLLIN), revents: 0)
        #expect(Glibc.poll(&poll, 1, 10_000) == 1)
    }

    @Test(arguments: [SocketAddress.loopback(port: 0), SocketAddress(high: 0, low: 1, port: 0)])
    func `a batch comes with senders and local addresses, and its answer goes from the address asked`(
        loopback: SocketAddress
    ) throws {
        let any = SocketAddress(high: 0, low: loopback.isIPv4 ? 0xffff_0000_0000 : 0, port: 0)
        let server = try Descriptor.datagramListener(on: any)
        let port = try server.localAddress().port
        let client = try Descriptor.datagram(for: loopback)
        let address = SocketAddress(high: loopback.high, low: loopback.low, port: port)
        #expect(try client.connect(to: address) == .connected)
        for letter in "abc".utf8 {
            #expect(withUnsafeBytes(of: letter) { client.put($0) } == .bytes(1))
        }
        wait(server)
        var batch = Datagrams()
        #expect(batch.receive(from: server) == 3)
        #expect((0..<3).map { batch.bytes(of: $0)[0] } == Array("abc".utf8))
        let own = try client.localAddress()
        for index in 0..<3 {
            #expect(batch[index].port == own.port && batch[index].low == loopback.low)
            #expect(batch[index].local_low == loopback.low && batch[index].local_high == loopback.high)
        }
        // The client is connected: it takes an answer from the address it asked and from no other.
        #expect(batch.send(0..<3, through: server, connected: false) == 3)
        wait(client)
        #expect(batch.receive(from: client) == 3)
        #expect(batch.bytes(of: 2)[0] == UInt8(ascii: "c"))
    }
}
