// SPDX-License-Identifier: Apache-2.0

import EventLoop

/// One connection, of a client or to a backend. Its memory is its slot's, used again by the next connection there.
struct ProxyConnection {
    enum Side: Sendable { case client, backend }

    enum Stage: Sendable, Equatable {
        case closed
        /// To a backend, not there yet.
        case connecting
        /// A client's, whose first octets have not come.
        case sniffing
        case http1, http2
        /// TLS, not agreed on yet.
        case handshaking
    }

    /// What HTTP/1.1 is reading.
    enum Reading: Sendable, Equatable {
        case head
        case length
        case chunked
        case untilClose
        /// Nothing: the message is read, and the next one's turn has not come.
        case done
    }

    let index: Int32
    var generation: UInt32 = 0
    var socket: Int32 = -1
    var side = Side.client
    var stage = Stage.closed
    var isReadable = false
    var isWritable = true
    /// The other side has ended, or something is wrong: to be read.
    var isEnding = false
    /// The end was read.
    var hasEnded = false
    /// Content of HTTP/1.1 is not taken at present, or it is another message's turn.
    var isPaused = false
    /// Reads nothing more, and closes once all is sent.
    var isClosing = false
    /// All is sent; what comes is passed over.
    var isLingering = false
    /// Nothing can be sent: to be dropped.
    var hasFailed = false
    /// Takes no more requests.
    var isLeaving = false
    var isDirty = false
    var isQueued = false
    var isIdle = false
    var out = Outgoing()
    /// Input that was not used yet.
    var held: Block?
    /// `SSL`, and the certificates that it was begun with.
    var tls: OpaquePointer?
    var server: Unmanaged<TLSServer>?
    /// TLS can neither read nor write any more.
    var isBroken = false
    var peer = SocketAddress.loopback(port: 0)
    /// A client's: what is told of it.
    var forwarded = ForwardedLines()
    var upstream: UpstreamRef?
    /// Exchanges on it.
    var active = 0
    /// Of those, the ones that have content queued for this connection.
    var waiting = 0
    var nextDirty: ConnectionRef?
    var nextQueued: ConnectionRef?
    var next: ConnectionRef?
    var previous: ConnectionRef?

    // HTTP/2.
    var http2: UnsafeMutablePointer<HTTP2Connection>?
    /// By place.
    var exchanges: UnsafeMutablePointer<ExchangeRef?>?
    var exchangeCapacity = 0
    /// Where the next pumping begins, so that no stream waits for ever.
    var pumpFrom = 0
    var goAwaySteps = 0

    // HTTP/1.1.
    var exchange: ExchangeRef?
    var requestReader = RequestReader()
    var responseReader = ResponseReader()
    var chunked = ChunkedDecoder()
    var reading = Reading.head
    /// Of a message with a length.
    var contentLeft: Int64 = 0
    var keepsAlive = true
    var isOldVersion = false
    /// How the message that we send is framed.
    var sending = HTTP1Framing.none
    var requests: UInt32 = 0

    init(index: Int32) { self.index = index }

    var isOpen: Bool { stage != .closed }

    /// As a fresh connection in its slot.
    mutating func begin(_ socket: Int32, _ side: Side, _ stage: Stage) {
        self.socket = socket
        self.side = side
        self.stage = stage
        generation = (generation &+ 1) & 0xff_ffff
        isReadable = false
        isWritable = true
        isEnding = false
        hasEnded = false
        isPaused = false
        isClosing = false
        isLingering = false
        hasFailed = false
        isBroken = false
        isLeaving = false
        upstream = nil
        active = 0
        waiting = 0
        pumpFrom = 0
        goAwaySteps = 0
        exchange = nil
        requestReader = RequestReader()
        responseReader = ResponseReader()
        chunked = ChunkedDecoder()
        reading = .head
        keepsAlive = true
        isOldVersion = false
        sending = .none
        requests = 0
    }

    /// As epoll carries it.
    var token: UInt64 { UInt64(generation) << 32 | UInt64(UInt32(bitPattern: index)) }

    /// The exchange of an HTTP/2 stream.
    @inline(__always)
    func exchange(at place: Int) -> ExchangeRef? {
        guard let exchanges, place >= 0 && place < exchangeCapacity else { return nil }
        return exchanges[place]
    }

    mutating func setExchange(_ exchange: ExchangeRef?, at place: Int) {
        if place >= exchangeCapacity { growExchanges(to: place) }
        exchanges?[place] = exchange
    }

    private mutating func growExchanges(to place: Int) {
        var larger = max(4, exchangeCapacity)
        while larger <= place { larger *= 2 }
        let fresh = UnsafeMutablePointer<ExchangeRef?>.allocate(capacity: larger)
        fresh.initialize(repeating: nil, count: larger)
        if let exchanges {
            for place in 0..<exchangeCapacity { fresh[place] = exchanges[place] }
            exchanges.deallocate()
        }
        exchanges = fresh
        exchangeCapacity = larger
    }

    mutating func releaseHTTP2() {
        if let http2 {
            http2.deinitialize(count: 1)
            http2.deallocate()
        }
        http2 = nil
        exchanges?.deallocate()
        exchanges = nil
        exchangeCapacity = 0
    }
}
