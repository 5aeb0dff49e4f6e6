// SPDX-License-Identifier: Apache-2.0

/// What one step of a connection's input came to. A place is the stream's in `StreamTable`.
///
/// A stream whose two sides have both ended, or that was reset, has left its place when the event is answered: the
/// place may be taken by the next stream that begins, and not before.
enum HTTP2Event: Sendable, Equatable {
    /// There is no whole frame yet.
    case needsMore
    /// The writer has too little room for what a frame may provoke: flush it before reading on.
    case blocked
    /// A frame was dealt with.
    case handled
    /// A request's head is in the section.
    case request(Int, RequestHead, ends: Bool)
    /// A 1xx response's head is in the section; another follows.
    case interim(Int, ResponseHead)
    /// A final response's head is in the section.
    case response(Int, ResponseHead, ends: Bool)
    /// A head that is larger than the limits; its lines are gone. On a server 431 is the answer.
    case oversized(Int, ends: Bool)
    /// Trailers are in the section; the peer's side has ended.
    case trailers(Int)
    /// Content, as a range of the input. To be reported by `consumed` once it is used up.
    case data(Int, Range<Int>, ends: Bool)
    /// The peer reset the stream.
    case reset(Int, ErrorCode)
    /// We reset the stream, or refused it before it had a place.
    case streamFailed(Int?, UInt32, Fault)
    /// More may be sent on the stream; nil: on all of them.
    case windowOpened(Int?)
    /// The peer begins no more streams, or takes none above this number.
    case goAway(last: UInt32, ErrorCode)
    /// The peer read our SETTINGS.
    case acknowledged
    case pong(UInt64)
    /// GOAWAY is written: to be flushed and closed. All further input is refused.
    case failed(Fault)
}
