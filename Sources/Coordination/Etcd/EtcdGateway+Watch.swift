// SPDX-License-Identifier: Apache-2.0

import AsyncHTTPClient
import Foundation
import NIOCore
import NIOFoundationCompat

extension EtcdGateway {
    /// Waits for an event at or after the revision, until the time is over; whatever ends the stream ends the wait.
    ///
    /// Its silence proves nothing: a member that is cut off accepts a watch and says no more.
    func watch(_ range: EtcdRange, from revision: Int64, until end: Duration) async throws -> Bool {
        let body = try EtcdJSON.encoded(
            EtcdWatch(
                createRequest: .init(
                    key: range.key, rangeEnd: range.rangeEnd, startRevision: String(revision))))
        let index = preferred
        let request = try head("watch", body, at: index)
        do {
            return try await deadline(end, of: "watch", at: place) {
                let response = try await Self.client.execute(request, deadline: .distantFuture)
                var lines = LineBuffer()
                for try await chunk in response.body {
                    for line in lines.append(chunk) {
                        let message = try EtcdJSON.decoded(line, as: EtcdStreamed<EtcdWatchAnswer>.self)
                        if message.error != nil || message.result?.canceled ?? false { return false }
                        if let events = message.result?.events, !events.isEmpty { return true }
                    }
                }
                return false
            }
        } catch {
            try Task.checkCancellation()
            if BootClock.now() < end, preferred == index { preferred = (index + 1) % settings.endpoints.count }
            return false
        }
    }
}

/// Lines of a stream that arrives in pieces.
struct LineBuffer {
    private var rest = Data()
    private static let longest = 16 << 20

    mutating func append(_ chunk: ByteBuffer) -> [Data] {
        rest.append(Data(buffer: chunk))
        var lines = rest.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        rest = lines.popLast().map { Data($0) } ?? Data()
        if rest.count > Self.longest { rest = Data() }
        return lines.filter { !$0.isEmpty }.map { Data($0) }
    }
}
