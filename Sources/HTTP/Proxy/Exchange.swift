// SPDX-License-Identifier: Apache-2.0

import EventLoop

/// One request and its response on their way through.
struct Exchange {
    /// Content that goes one way.
    struct Flow {
        /// What its receiver did not take yet.
        var queue = ByteQueue()
        /// The sender's side has ended.
        var hasEnded = false
        /// Of content that came.
        var octets: Int64 = 0
        /// Grows with what comes and with what goes on.
        var moved: Int64 { 2 &* octets &- Int64(queue.count) }
        /// The end was passed on.
        var isPassed = false
        /// Among the receiver's `waiting`.
        var isCounted = false
        /// Trailers behind what is queued.
        var trailers = SavedSection()
    }

    let index: Int32
    /// Nil once the client's side is over.
    var client: ConnectionRef?
    var clientPlace: Int32 = -1
    /// Nil before it is sent, and once the backend's side is over.
    var backend: ConnectionRef?
    var backendPlace: Int32 = -1
    var upstream: UpstreamRef?
    /// Apart, so that they can be pointed to.
    private let flows = UnsafeMutablePointer<Flow>.allocate(capacity: 2)
    var head = RequestHead()
    /// The request's head, while it may have to be sent (again).
    var saved = SavedSection()
    var isWaiting = false
    var isFree = false
    /// The head of the final response went to the client.
    var isAnswered = false
    /// Content went to a backend, or octets of a response came: it may not be sent again.
    var isCommitted = false
    /// The response was passed on, and the client still sends; then: no longer.
    var isLingering = false
    var isRefused = false
    var upgrades = false
    var isTunnel = false
    var retries: Int32 = 0
    var refusals: Int32 = 0
    var status: UInt16 = 0
    var route: Int32 = -1
    /// Where it is counted, and microseconds: when its head came and was sent on, when the response's went, and when
    /// that was whole; 0: not yet.
    var tally: RouteTally
    var began: Int64 = 0
    var sent: Int64 = 0
    var answered: Int64 = 0
    var ended: Int64 = 0
    /// In milliseconds.
    var timeout: Int64 = 0
    /// What had moved when its time was last up.
    var movedBefore: Int64 = 0
    /// For the access log: whose it is, and how it failed.
    var peer = SocketAddress.loopback(port: 0)
    var speech: StaticString = ""
    var error: ProxyError?
    var next: ExchangeRef?
    var previous: ExchangeRef?

    init(index: Int32, tally: RouteTally) {
        self.index = index
        self.tally = tally
        flows.initialize(repeating: Flow(), count: 2)
    }

    @inline(__always)
    var request: Flow {
        get { flows[0] }
        nonmutating _modify { yield &flows[0] }
    }

    @inline(__always)
    var response: Flow {
        get { flows[1] }
        nonmutating _modify { yield &flows[1] }
    }

    /// Of what comes from a side.
    @inline(__always)
    func flow(from side: ProxyConnection.Side) -> UnsafeMutablePointer<Flow> {
        side == .client ? flows : flows + 1
    }

    var moved: Int64 { request.moved &+ response.moved }

    /// As fresh, with the memory that it has.
    @inline(__always)
    mutating func begin(_ client: ConnectionRef, _ place: Int32, _ head: RequestHead, ends: Bool) {
        self.client = client
        clientPlace = place
        self.head = head
        backend = nil
        backendPlace = -1
        upstream = nil
        request.hasEnded = ends
        request.isPassed = false
        request.isCounted = false
        response.hasEnded = false
        response.isPassed = false
        response.isCounted = false
        isWaiting = false
        isFree = false
        isAnswered = false
        isCommitted = false
        isLingering = false
        isRefused = false
        upgrades = false
        isTunnel = false
        retries = 0
        refusals = 0
        status = 0
        route = -1
        sent = 0
        answered = 0
        error = nil
        request.octets = 0
        response.octets = 0
        ended = 0
        next = nil
        previous = nil
    }

    /// Its memory; what is queued was given back before.
    mutating func release() {
        saved.release()
        flows[0].trailers.release()
        flows[1].trailers.release()
        flows.deallocate()
    }
}
