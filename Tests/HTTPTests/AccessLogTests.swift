// SPDX-License-Identifier: Apache-2.0

import EventLoop
import Testing

@testable import HTTP

/// How the access log writes what it is told.
struct AccessLogTests {
    private static func written(_ body: (inout ByteWriter) -> Void) -> String {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 65_536) { room in
            guard let start = room.baseAddress else { return "" }
            var writer = ByteWriter(start, capacity: room.count)
            body(&writer)
            return String(decoding: writer.written, as: UTF8.self)
        }
    }

    @Test(arguments: [
        ([UInt8]("/a?b".utf8), #""/a?b""#), (Array(#"say "hi" \o/"#.utf8), #""say \"hi\" \\o/""#),
        ([0, 9, 10, 0x7f, 0x80, 0xff], #""\u0000\u0009\u000a\u007f\u0080\u00ff""#), ([], #""""#),
    ])
    func `a value of any octets is a string of JSON`(octets: [UInt8], text: String) {
        #expect(Self.written { writer in octets.withUnsafeBufferPointer { writer.append(json: $0) } } == text)
    }

    @Test(arguments: [(0, "0.000"), (1_234, "1.234"), (12_000_005, "12000.005"), (-1, "null")])
    func `durations are milliseconds`(microseconds: Int64, text: String) {
        #expect(Self.written { $0.append(milliseconds: microseconds) } == text)
    }

    @Test func `a client is its address and port`() {
        let long = SocketAddress(high: 0x2001_0db8 << 32, low: 1, port: 443)
        #expect(Self.written { $0.append(address: SocketAddress(v4: 0x0a00_0001, port: 80)) } == "10.0.0.1:80")
        #expect(Self.written { $0.append(address: long) } == "[2001:db8::1]:443")
    }

    @Test func `a long name is cut off and stays a string`() {
        let text = LogText(String(repeating: "\u{1}", count: 5_000))
        defer { text.release() }
        let written = Self.written { text.write(to: &$0) }
        #expect(written.utf8.count <= LogText.most && written.hasPrefix("\"\\u0001") && written.hasSuffix("\\u0001\""))
    }
}
