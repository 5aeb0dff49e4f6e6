// SPDX-License-Identifier: Apache-2.0

@testable import HTTP

/// A connection under test with the peer's octets in its hands: frames go in, lines about events come out.
final class Dialogue {
    var connection: HTTP2Connection
    var section: FieldSection
    /// Frames that the connection wrote, a line each, since they were last asked for.
    var sent: [String] {
        defer { output = [] }
        return Frames.read(output)
    }
    var output: [UInt8] = []
    private var input: [UInt8] = []

    init(_ role: HTTP2Connection.Role, _ settings: ConnectionSettings = ConnectionSettings()) {
        connection = HTTP2Connection(role, settings)
        section = FieldSection(limits: settings.fields)
        write { $0.start(to: &$1) }
    }

    /// Past the handshake.
    static func begun(
        _ role: HTTP2Connection.Role, _ settings: ConnectionSettings = ConnectionSettings()
    ) -> Dialogue {
        let dialogue = Dialogue(role, settings)
        let preface = role == .server ? Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8) : []
        dialogue.hear(preface + Frames.settings() + Frames.acknowledgement)
        dialogue.output = []
        return dialogue
    }

    @discardableResult
    func write<Answer>(_ body: (inout HTTP2Connection, inout ByteWriter) -> Answer) -> Answer {
        var answer: Answer?
        output += written { writer in answer = body(&connection, &writer) }
        return answer.unsafelyUnwrapped
    }

    /// Gives octets to the connection and answers what it made of them; what tells nothing is left out.
    @discardableResult
    func hear(_ octets: [UInt8]) -> [String] {
        input += octets
        var lines: [String] = []
        var at = 0
        output += written(room: 20_000) { writer in
            while true {
                let event = connection.receive(input.span, &at, into: &section, to: &writer)
                if case .needsMore = event { break }
                if let line = line(event) { lines.append(line) }
                switch event {
                case .failed, .blocked: return
                default: break
                }
            }
        }
        input.removeFirst(at)
        return lines
    }

    /// The same, an octet at a time.
    func hearSlowly(_ octets: [UInt8]) -> [String] { octets.flatMap { hear([$0]) } }

    /// The place of the stream that `open` began; nil: it did not.
    func open(_ lines: [String], ends: Bool = true, method: RequestHead.Method = .get) -> Int? {
        let section = FieldSection(lines)
        let opening = write { $0.open(section, method: method, ends: ends, to: &$1) }
        if case .opened(let place) = opening { return place }
        return nil
    }

    private func line(_ event: HTTP2Event) -> String? {
        func end(_ ends: Bool) -> String { ends ? " end" : "" }
        switch event {
        case .needsMore, .handled, .acknowledged: return nil
        case .blocked: return "blocked"
        case .request(let place, let head, let ends):
            let path = head.path < 0 ? "-" : String(decoding: section.value(section[Int(head.path)]), as: UTF8.self)
            return "request \(place) \(head.kind) \(path)\(end(ends))"
        case .interim(let place, let head): return "interim \(place) \(head.status)"
        case .response(let place, let head, let ends): return "response \(place) \(head.status)\(end(ends))"
        case .oversized(let place, let ends): return "oversized \(place)\(end(ends))"
        case .trailers(let place): return "trailers \(place) \(section.texts.joined(separator: ", "))"
        case .data(let place, let range, let ends):
            return "data \(place) \(String(decoding: input[range], as: UTF8.self))\(end(ends))"
        case .reset(let place, let code): return "reset \(place) \(code)"
        case .streamFailed(_, let id, let fault): return "stream \(id) \(fault)"
        case .windowOpened(let place): return "window \(place.map { "\($0)" } ?? "all")"
        case .goAway(let last, let code): return "away \(last) \(code)"
        case .pong(let value): return "pong \(value)"
        case .failed(let fault): return "failed \(fault)"
        }
    }
}
