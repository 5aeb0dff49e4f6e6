// SPDX-License-Identifier: Apache-2.0

import EventLoop
import TestSupport
import Testing

struct PoolTests {
    @Test func `a pool gives out its limit of buffers, each other bytes, and then none`() {
        var pool = BufferPool(size: 64, limit: 5, slab: 2)
        var taken: [BufferPool.Buffer] = []
        while let buffer = pool.take() { taken.append(buffer) }
        let isExhausted = pool.isExhausted
        #expect(Set(taken).count == 5 && isExhausted)
        for buffer in taken { pool.bytes(of: buffer).storeBytes(of: 7, as: UInt8.self) }
        for buffer in taken { pool.giveBack(buffer) }
        let (used, again) = (pool.used, pool.take())
        #expect(used == 0 && again != nil)
    }

    @Test func `an empty pipe is used again, one that holds bytes is closed`() throws {
        var pool = PipePool(limit: 1, room: 65536)
        guard let first = pool.take() else { throw SystemError("open a pipe") }
        let number = first.readEnd.rawValue
        if case .some = pool.take() { Issue.record("one more than the limit") }
        pool.giveBack(first, isEmpty: true)
        guard let again = pool.take() else { throw SystemError("take a pipe again") }
        #expect(again.readEnd.rawValue == number)
        pool.giveBack(again, isEmpty: false)
        let used = pool.used
        #expect(used == 0)
    }
}
