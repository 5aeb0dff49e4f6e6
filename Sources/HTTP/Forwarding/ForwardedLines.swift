// SPDX-License-Identifier: Apache-2.0

import EventLoop
import Glibc

/// What the requests of one client's connection tell backends of it: made once a connection, and copied into each head.
struct ForwardedLines: BitwiseCopyable {
    /// What it was made of.
    var stamp: UInt64 = 0
    var isTrusted = false
    private(set) var count = 0
    /// By the measure of `FieldLimits.bytes`.
    private(set) var size = 0
    private let lines: UnsafeMutablePointer<FieldLine>
    private let bytes: UnsafeMutablePointer<UInt8>

    private static let linesMost = 4
    /// Four names, and the longest address twice.
    private static let bytesMost = 192

    init() {
        lines = .allocate(capacity: Self.linesMost)
        bytes = .allocate(capacity: Self.bytesMost)
    }

    func release() {
        lines.deallocate()
        bytes.deallocate()
    }

    subscript(index: Int) -> FieldLine {
        precondition(index >= 0 && index < count)
        return lines[index]
    }

    /// Name and value.
    func text(_ line: FieldLine) -> UnsafePointer<UInt8> { UnsafePointer(bytes + Int(line.start)) }

    mutating func fill(
        _ fields: ForwardingSettings.Fields, client: SocketAddress, isSecure: Bool, version: StaticString
    ) {
        var writer = ByteWriter(bytes, capacity: Self.bytesMost)
        (count, size) = (0, 0)
        guard fields != .none else { return }
        if fields.hasOld {
            add(.xForwardedFor, &writer) { $0.append(host: client) }
            add(.xForwardedProto, &writer) { $0.append(isSecure ? "https" : "http") }
        }
        if fields.hasStandard {
            add(.forwarded, &writer) { writer in
                // RFC 7239, 4 and 6: an IPv6 address goes in brackets, and is no token then.
                writer.append(client.isIPv4 ? "for=" : "for=\"[")
                writer.append(host: client)
                writer.append(client.isIPv4 ? ";proto=" : "]\";proto=")
                writer.append(isSecure ? "https" : "http")
            }
        }
        add(.via, &writer) { $0.append(version) }
    }

    private mutating func add(_ name: FieldName, _ writer: inout ByteWriter, _ value: (inout ByteWriter) -> Void) {
        let start = writer.count
        let text = FieldName.texts[Int(name.rawValue)]
        writer.append(text)
        value(&writer)
        let line = FieldLine(
            start: UInt32(start), nameCount: UInt32(text.utf8CodeUnitCount),
            valueCount: UInt32(writer.count - start - text.utf8CodeUnitCount), hash: 0, name: name,
            form: FieldLine.Form(for: name), faults: [])
        lines[count] = line
        lines[count].hash = FieldHash.line(
            FieldHash.hash(bytes + start, Int(line.nameCount)),
            FieldHash.hash(bytes + start + Int(line.nameCount), Int(line.valueCount)))
        count += 1
        size += line.size
    }
}

extension ByteWriter {
    /// `10.0.0.1`, `2001:db8::1`.
    mutating func append(host address: SocketAddress) {
        let family = address.isIPv4 ? AF_INET : AF_INET6
        var octets = (address.high.bigEndian, address.low.bigEndian)
        withUnsafeBytes(of: &octets) { octets in
            withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(INET6_ADDRSTRLEN)) { text in
                guard let bytes = octets.baseAddress, let start = text.baseAddress,
                    inet_ntop(family, address.isIPv4 ? bytes + 12 : bytes, start, socklen_t(text.count)) != nil
                else { return }
                start.withMemoryRebound(to: UInt8.self, capacity: text.count) { append($0, strlen(start)) }
            }
        }
    }
}
