// SPDX-License-Identifier: Apache-2.0

import EventLoop

/// What is added to and taken out of a request's head on its way to a backend (RFC 9110, 7.6.3; RFC 7239).
extension HTTPProxy {
    /// Of what came by trusted proxies, joined.
    private static let joinedMost = 8_192

    /// The head lies in the section; false: it has no room for what has to be added.
    func forward(_ exchange: ExchangeRef) -> Bool {
        guard let client = exchange.pointee.client else { return true }
        let http2 = client.pointee.http2 != nil
        let version: UInt64 = http2 ? 2 : client.pointee.isOldVersion ? 1 : 0
        let stamp = state.pointee.forwardingStamp << 32 | UInt64(client.pointee.generation) << 2 | version
        if client.pointee.forwarded.stamp != stamp { prepare(client, stamp, version) }
        if client.pointee.forwarded.isTrusted { return join(client) }
        for index in 0..<state.pointee.section.count where Self.tellsOfClient(state.pointee.section[index].name) {
            state.pointee.section.remove(at: index)
        }
        return add(client)
    }

    @inline(__always)
    private static func tellsOfClient(_ name: FieldName) -> Bool {
        name.rawValue &- FieldName.forwarded.rawValue
            <= FieldName.xRealIP.rawValue &- FieldName.forwarded.rawValue
    }

    private func prepare(_ client: ConnectionRef, _ stamp: UInt64, _ version: UInt64) {
        let (peer, settings) = (client.pointee.peer, forwarding)
        client.pointee.forwarded.stamp = stamp
        client.pointee.forwarded.isTrusted = settings.trusted.contains { $0.contains(peer) }
        client.pointee.forwarded.fill(
            settings.fields, client: peer, isSecure: client.pointee.tls != nil,
            version: version == 2 ? "2 sluice" : version == 1 ? "1.0 sluice" : "1.1 sluice")
    }

    private func add(_ client: ConnectionRef) -> Bool {
        let lines = client.pointee.forwarded
        guard hasRoom(lines.count, lines.size) else { return false }
        for index in 0..<lines.count { add(lines[index], lines) }
        return true
    }

    @inline(__always)
    private func add(_ line: FieldLine, _ lines: ForwardedLines) {
        state.pointee.section.append(line, text: lines.text(line))
    }

    /// A section that outgrew its limits would forget the head.
    @inline(__always)
    private func hasRoom(_ count: Int, _ size: Int) -> Bool {
        state.pointee.section.count &+ count <= state.pointee.section.limits.lines
            && state.pointee.section.size &+ size <= state.pointee.section.limits.bytes
    }

    // MARK: Proxies that are trusted

    /// What they say stays, and the client that we see, which is one of them, goes behind it.
    private func join(_ client: ConnectionRef) -> Bool {
        let lines = client.pointee.forwarded
        for index in 0..<lines.count {
            let line = lines[index]
            switch line.name {
            case .xForwardedFor, .forwarded:
                guard join(line, lines) else { return false }
            case .xForwardedProto where state.pointee.section.first(.xForwardedProto) != nil: continue
            default:
                guard hasRoom(1, line.size) else { return false }
                add(line, lines)
            }
        }
        return true
    }

    /// One line of all of that name: some servers read only one.
    private func join(_ own: FieldLine, _ lines: ForwardedLines) -> Bool {
        guard let start = scratch.baseAddress else { return false }
        var writer = ByteWriter(start, capacity: Self.joinedMost)
        for index in 0..<state.pointee.section.count {
            let line = state.pointee.section[index]
            guard line.name == own.name && !line.isRemoved else { continue }
            let value = state.pointee.section.value(line)
            guard value.count + Int(own.valueCount) + 4 <= writer.room else { return false }
            if !value.isEmpty {
                writer.append(value)
                writer.append(", ")
            }
            state.pointee.section.remove(at: index)
        }
        let value = lines.text(own) + Int(own.nameCount)
        writer.append(value, Int(own.valueCount))
        guard hasRoom(1, Int(own.nameCount) + writer.count + FieldLine.overhead) else { return false }
        return state.pointee.section.append(own.name, writer.written, form: own.form)
    }
}
