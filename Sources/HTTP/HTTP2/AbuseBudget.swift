// SPDX-License-Identifier: Apache-2.0

/// How many frames that do no work a peer may send, of each kind, in a burst; `AbuseBudget.halve` gives back.
///
/// The defaults leave room for what real clients do: a browser that leaves a page cancels its hundred requests, gRPC
/// pings every second or so, and older browsers build a tree of priorities at the start.
struct AbuseLimits: Sendable, Equatable {
    /// RST_STREAM of the peer, and ours that its errors provoke (CVE-2023-44487, and 'made you reset').
    var resets = 250
    /// CONTINUATION frames of one head, empty ones too.
    var continuations = 8
    /// Octets of one head's block.
    var headBytes = 65_536
    var pings = 200
    var settings = 20
    /// DATA frames without content that end nothing.
    var emptyData = 100
    var priorities = 1000
    var windowUpdates = 20_000
    var unknownFrames = 500
}

/// What a peer has used of its limits. A value without a clock: whoever has one calls `halve` at intervals.
struct AbuseBudget: Sendable {
    let limits: AbuseLimits
    private var resets = 0
    private var pings = 0
    private var settings = 0
    private var emptyData = 0
    private var priorities = 0
    private var windowUpdates = 0
    private var unknownFrames = 0

    init(_ limits: AbuseLimits) { self.limits = limits }

    @inline(__always)
    mutating func countReset() throws(Fault) { try Self.count(&resets, limits.resets, .resets) }
    @inline(__always)
    mutating func countPing() throws(Fault) { try Self.count(&pings, limits.pings, .pings) }
    @inline(__always)
    mutating func countSettings() throws(Fault) { try Self.count(&settings, limits.settings, .settings) }
    @inline(__always)
    mutating func countEmptyData() throws(Fault) { try Self.count(&emptyData, limits.emptyData, .emptyData) }
    @inline(__always)
    mutating func countPriority() throws(Fault) { try Self.count(&priorities, limits.priorities, .priorities) }
    @inline(__always)
    mutating func countWindowUpdate() throws(Fault) {
        try Self.count(&windowUpdates, limits.windowUpdates, .windowUpdates)
    }
    @inline(__always)
    mutating func countUnknown() throws(Fault) { try Self.count(&unknownFrames, limits.unknownFrames, .unknownFrames) }

    /// Forgives half of everything; with a call every ten seconds a limit of 250 is about 12 a second for ever.
    mutating func halve() {
        resets /= 2
        pings /= 2
        settings /= 2
        emptyData /= 2
        priorities /= 2
        windowUpdates /= 2
        unknownFrames /= 2
    }

    @inline(__always)
    private static func count(_ used: inout Int, _ limit: Int, _ kind: Fault.Abuse) throws(Fault) {
        used &+= 1
        guard used <= limit else { throw .abuse(kind) }
    }
}
