// SPDX-License-Identifier: Apache-2.0

@testable import Relay

/// The parsers of a connection's first words, as `FuzzEntry` of HTTP's.
///
/// tools/fuzz gives it to libFuzzer: this file and what it uses know no test.
enum SniffFuzzEntry: String, CaseIterable, Sendable {
    case proxyHeader, clientHello, sniff

    /// What is wrong; nil: nothing.
    func fault(_ octets: [UInt8]) -> String? {
        switch self {
        case .proxyHeader: Self.headerFault(octets)
        case .clientHello: Self.helloFault(octets)
        case .sniff: Self.sniffFault(octets)
        }
    }

    /// A header lies within what came, is not found in less, and is read the same when it is written in either version.
    private static func headerFault(_ octets: [UInt8]) -> String? {
        let parsed = header(octets)
        for part in parts(octets) {
            switch (header(part), parsed) {
            case (.incomplete, _): continue
            case (let before, _) where before != parsed: return "\(before) of \(part.count), then \(parsed)"
            case (.whole(_, let length), _) where length > part.count: return "\(length) of \(part.count)"
            default: continue
            }
        }
        guard case .whole(let announced, let length) = parsed else { return nil }
        if length > octets.count || length == 0 { return "\(length) of \(octets.count)" }
        guard let announced else { return nil }
        for version in [RelayPolicy.ProxyProtocol.v1, .v2] {
            let bytes = written(announced, version)
            guard header(bytes) == .whole(announced, length: bytes.count) else { return "\(announced) in \(version)" }
        }
        return nil
    }

    /// A hello and its name lie within what came, are not found in less, and the name is one.
    private static func helloFault(_ octets: [UInt8]) -> String? {
        let (parsed, name) = Hello.parse(octets)
        for part in parts(octets) {
            let (before, earlier) = Hello.parse(part)
            if before != .incomplete, before != parsed || earlier != name {
                return "\(before) of \(part.count), then \(parsed)"
            }
        }
        guard case .whole(_, let length) = parsed else { return nil }
        if length > octets.count { return "\(length) of \(octets.count)" }
        guard let name else { return nil }
        let isName = !name.isEmpty && name.utf8.count <= 255 && name.utf8.allSatisfy(isNameByte)
        return isName ? nil : "the name \(name)"
    }

    /// What was told of less stays so, and enough bytes are always told.
    private static func sniffFault(_ octets: [UInt8]) -> String? {
        let told = Hello.sniff(octets)
        if told == nil, octets.count > Sniff.bytesMax { return "\(octets.count) bytes tell nothing" }
        for part in parts(octets) {
            guard let before = Hello.sniff(part), before != told else { continue }
            return "\(before) of \(part.count), then \(String(describing: told))"
        }
        return nil
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, 0x2d, 0x2e, 0x5f: true
        default: false
        }
    }

    /// Some beginnings of the octets: short ones, and others all over.
    private static func parts(_ octets: [UInt8]) -> [[UInt8]] {
        let short = Array(0..<min(octets.count, 24))
        let others = stride(from: 24, to: octets.count, by: max(1, octets.count / 24))
        return (short + others).map { Array(octets[..<$0]) }
    }

    static func written(_ header: ProxyHeader, _ version: RelayPolicy.ProxyProtocol) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: ProxyHeader.lineMax)
        let count = bytes.withUnsafeMutableBytes { header.write(version, to: $0) }
        return Array(bytes[..<count])
    }

    static func header(_ bytes: [UInt8]) -> Parsed<ProxyAnnouncement> {
        bytes.withUnsafeBytes { ProxyHeader.parse($0) }
    }
}
