// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

@testable import HTTP

/// What we forward is exactly one request to another implementation, Debian's python3-h11: the same method, target and
/// content, and nothing behind it.
@Suite(.requires("python3"))
struct SmugglingTests {
    private static let script = """
        import sys, h11
        for line in sys.stdin:
            c = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 20)
            c.receive_data(bytes.fromhex(line.strip()))
            words, body = [], b""
            try:
                while True:
                    event = c.next_event()
                    if isinstance(event, h11.Request):
                        words = [event.method.hex(), event.target.hex()]
                    elif isinstance(event, h11.Data):
                        body += event.data
                    elif isinstance(event, h11.EndOfMessage):
                        print(*words, "=" + body.hex(), "+" + c.trailing_data[0].hex())
                        break
                    else:
                        print("more is needed", type(event).__name__)
                        break
            except h11.RemoteProtocolError as error:
                print("refused:", error)
        """

    /// A request as it was understood here, and the octets that leave for it.
    private struct Forwarded {
        var line: String
        var octets: [UInt8]

        init(_ section: borrowing FieldSection, _ head: RequestHead, _ framing: HTTP1Framing, _ content: [UInt8]) {
            let method = Array(section.value(section[Int(head.method)]))
            let target = Array(section.value(section[Int(head.path)]))
            line = "\(method.hexadecimal) \(target.hexadecimal) =\(content.hexadecimal) +"
            octets = written { writer in
                _ = HTTP1Writer.request(section, head, framing, .unsaid, to: &writer)
                if framing == .chunked {
                    if !content.isEmpty {
                        HTTP1Writer.chunkHeader(content.count, to: &writer)
                        writer.append(content.span)
                        writer.append(HTTP1Writer.lineEnd)
                    }
                    writer.append(HTTP1Writer.lastChunk)
                } else {
                    writer.append(content.span)
                }
            }
        }
    }

    /// Whether h11 may judge it: it takes no bytes from 0x80 on in targets, which we let through.
    private static func isPlain(_ section: borrowing FieldSection, _ head: RequestHead) -> Bool {
        section.value(section[Int(head.path)]).allSatisfy { $0 < 0x80 }
    }

    private static func compare(_ messages: [Forwarded], _ note: String) throws {
        let folder = try TemporaryDirectory()
        let script = try folder.write(Self.script, to: "peer.py")
        let input = try folder.write(messages.map { $0.octets.hexadecimal + "\n" }.joined(), to: "input")
        let answers = try Shell.run("/usr/bin/python3 \(script) <\(input)").split(separator: "\n")
        #expect(answers.count == messages.count)
        for (answer, message) in zip(answers, messages) where answer != message.line {
            Issue.record("\(note): \(message.octets.text.debugDescription) is \(answer), not \(message.line)")
            return
        }
    }

    @Test func `a request of HTTP/1.1 is forwarded as one`() throws {
        var random = SplitMix(for: "smuggling from HTTP/1.1")
        let seed = random.seed
        let bodies = [
            "", "hello", "3\r\nabc\r\n0\r\n\r\n", "5;x=y\r\nhello\r\n1\r\n!\r\n0\r\nA: b\r\n\r\n", "0\r\n\r\n",
        ]
        let heads = (RequestReaderTests.good + RequestReaderTests.bad).map { Array($0.0.utf8) }
        var mutation = OctetMutation(
            random: random, seeds: heads.flatMap { head in bodies.map { head + Array($0.utf8) } })
        var messages: [Forwarded] = []
        for _ in 0..<20_000 {
            if let message = Self.read(mutation.next() + (Bool.random(using: &random) ? Array(bodies[2].utf8) : [])) {
                messages.append(message)
            }
        }
        #expect(messages.count > 400)
        try Self.compare(messages, "seed \(seed)")
    }

    /// The first whole request of these octets.
    private static func read(_ octets: [UInt8]) -> Forwarded? {
        var reader = RequestReader()
        var section = FieldSection()
        var trailers = FieldSection()
        do throws(HTTP1Fault) {
            guard
                case .head(let request, var at) = try reader.read(
                    octets.span, from: 0, scheme: "http", into: &section),
                request.head.path >= 0, isPlain(section, request.head)
            else { return nil }
            var content: [UInt8] = []
            switch request.framing {
            case .length(let count):
                guard octets.count - at >= count else { return nil }
                content = Array(octets[at..<(at + Int(count))])
            case .chunked:
                var decoder = ChunkedDecoder()
                loop: while true {
                    switch try decoder.next(octets.span, &at, into: &trailers) {
                    case .data(let range): content += octets[range]
                    case .end: break loop
                    case .needsMore: return nil
                    }
                }
            default: break
            }
            return Forwarded(section, request.head, request.framing, content)
        } catch {
            return nil
        }
    }

    @Test func `a request of HTTP/2 is forwarded as one`() throws {
        let random = SplitMix(for: "smuggling from HTTP/2")
        let lists =
            [Frames.get, Frames.post + ["content-length: 5"], Frames.get + ["x: y", "cookie: a"]]
            + HTTP2RuleTests.requests.map(\.1) + HTTP2RuleTests.good.map(\.1)
        // Each list as its values and names, of which one is changed.
        var mutation = OctetMutation(
            random: random,
            seeds: lists.flatMap { $0.flatMap { [Array(Field($0).value.utf8), Array(Field($0).name.utf8)] } })
        var messages: [Forwarded] = []
        for turn in 0..<20_000 {
            var fields = lists[turn % lists.count].map { Field($0) }
            let place = turn / lists.count % fields.count
            let text = String(decoding: mutation.next().prefix(200), as: UTF8.self)
            if turn % 3 == 0 { fields[place].name = text } else { fields[place].value = text }
            if let message = Self.accepted(fields) { messages.append(message) }
        }
        #expect(messages.count > 400)
        try Self.compare(messages, "seed \(random.seed)")
    }

    /// The request if a server of ours takes it; its content is as long as it says.
    private static func accepted(_ fields: [Field]) -> Forwarded? {
        var section = FieldSection()
        var block = FieldSection()
        block.add(fields)
        var encoder = HeaderEncoder()
        var decoder = HeaderDecoder()
        let octets = written { _ = encoder.encode(block, to: &$0) }
        do {
            try decoder.decode(octets.span, into: &section)
            let head = try HeadRules.request(&section, extendedConnect: false)
            guard head.path >= 0 && isPlain(section, head) && head.contentLength < 100_000 else { return nil }
            let content = [UInt8](repeating: 0x78, count: max(0, Int(head.contentLength)))
            let framing = head.contentLength > 0 ? HTTP1Framing.length(head.contentLength) : .none
            return Forwarded(section, head, framing, content)
        } catch {
            return nil
        }
    }
}
