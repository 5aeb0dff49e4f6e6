// SPDX-License-Identifier: Apache-2.0

import EventLoop

/// What a proxy's parts share. Behind a pointer, so that reading and writing it costs no check.
struct ProxyState: ~Copyable {
    let limits: ProxyLimits
    let settings: ConnectionSettings
    let upstreamSettings: ConnectionSettings
    /// The head or the trailers that are under way.
    var section = FieldSection()
    /// A head that is taken up again, and heads of our own.
    var spare = FieldSection()
    var blocks: BufferPool
    var contents: BufferPool
    var wheel: TimerWheel
    /// In milliseconds.
    var now: Int64 = 0
    /// In microseconds, of this turn; 0: not read yet.
    var clock: Int64 = 0
    var dirty: ConnectionRef?
    var queued: ConnectionRef?
    var freeExchange: ExchangeRef?
    var exchangeCount = 0
    var connectionCount = 0
    var freeConnection: Int32 = 0
    var counters = ProxyCounters()
    /// Retries that may be made, in tenths: a request earns one, a retry costs ten.
    var retryBudget = 1000
    var random: UInt64
    var isDraining = false
    var isLogging = false
    /// Another one with each configuration.
    var forwardingStamp: UInt64 = 1

    init(_ limits: ProxyLimits, exchanges: Int) {
        self.limits = limits
        var settings = ConnectionSettings()
        settings.maxConcurrentStreams = UInt32(limits.streams)
        // Not before what comes by it (RFC 8441) is bridged to HTTP/1.1 backends.
        settings.extendedConnect = false
        self.settings = settings
        upstreamSettings = ConnectionSettings()
        blocks = BufferPool(size: 73_728 + Block.headerBytes, limit: limits.buffers, slab: 4)
        contents = BufferPool(size: 16_384, limit: limits.contents)
        wheel = TimerWheel(capacity: limits.connections + exchanges)
        random = .random(in: 1 ... .max)
    }

    /// Evenly spread over all 64 bits (xorshift64*, Vigna 2016).
    mutating func nextRandom() -> UInt64 {
        random ^= random >> 12
        random ^= random << 25
        random ^= random >> 27
        return random &* 0x2545_f491_4f6c_dd1d
    }
}
