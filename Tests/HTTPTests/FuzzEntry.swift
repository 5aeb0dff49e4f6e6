// SPDX-License-Identifier: Apache-2.0

@testable import HTTP

/// One entry a parser: any octets go in, and what must be true of all octets comes out broken or not at all.
///
/// tools/fuzz gives it to libFuzzer: this file and what it uses know no test.
enum FuzzEntry: String, CaseIterable, Sendable {
    case huffman, fieldBlock, server, client, request, response, chunked, path

    /// What is wrong; nil: nothing.
    func fault(_ octets: [UInt8]) -> String? {
        switch self {
        case .huffman: huffmanFault(octets)
        case .fieldBlock: fieldBlockFault(octets)
        case .server: connectionFault(octets, .server)
        case .client: connectionFault(octets, .client)
        case .request: requestFault(octets)
        case .response: responseFault(octets)
        case .chunked: chunkedFault(octets)
        case .path: pathFault(octets)
        }
    }

    /// Any octets have one text or none, and that text has these octets.
    private func huffmanFault(_ octets: [UInt8]) -> String? {
        guard let text = Plain.text(huffman: octets, room: octets.count * 2 + 4) else { return nil }
        return Plain.huffman(of: text) == octets ? nil : "not the only octets of \(text)"
    }

    /// What was decoded is within limits, and comes through an encoder and a decoder as it was.
    private func fieldBlockFault(_ octets: [UInt8]) -> String? {
        var decoder = HeaderDecoder()
        var section = FieldSection(limits: FieldLimits(bytes: 4200, lines: 20))
        do throws(HPACKError) {
            try decoder.decode(octets.span, into: &section)
        } catch {
            return nil
        }
        if decoder.tableSize > 4096 { return "a table of \(decoder.tableSize)" }
        if section.excess != .none { return section.count == 0 ? nil : "lines in excess" }
        if section.size > 4200 || section.count > 20 { return "a section of \(section.size)" }
        var encoder = HeaderEncoder()
        var back = FieldSection()
        var other = HeaderDecoder()
        do throws(HPACKError) {
            // Twice: by literals, then by the table.
            for _ in 0..<2 {
                back.clear()
                let block = written(room: 20_000) { _ = encoder.encode(section, to: &$0) }
                try other.decode(block.span, into: &back)
                guard back.bytes == section.bytes && back.faults == section.faults else { return "another section" }
            }
        } catch {
            return "our own block: \(error)"
        }
        return nil
    }

    /// Octets that come at once and in two parts have the same answer.
    private func connectionFault(_ octets: [UInt8], _ role: HTTP2Connection.Role) -> String? {
        let whole = Dialogue.begun(role)
        let parts = Dialogue.begun(role)
        if role == .client {
            for dialogue in [whole, parts] { for _ in 0..<3 { _ = dialogue.open(Frames.get, ends: false) } }
        }
        _ = whole.hear(octets)
        let middle = octets.count / 2
        _ = parts.hear(Array(octets[..<middle]))
        _ = parts.hear(Array(octets[middle...]))
        if whole.output != parts.output { return "\(Frames.read(whole.output)) and \(Frames.read(parts.output))" }
        if whole.connection.streams.count != parts.connection.streams.count { return "other streams" }
        if whole.connection.streams.count > 128 { return "too many streams" }
        return nil
    }

    /// What is forwarded is one head, the same when read again, and valid in HTTP/2.
    private func requestFault(_ octets: [UInt8]) -> String? {
        var section = FieldSection()
        guard let request = Self.request(octets, &section), request.head.kind != .connect else { return nil }
        let sent = written(room: 100_000) {
            _ = HTTP1Writer.request(section, request.head, request.framing, .unsaid, to: &$0)
        }
        let fields = section.texts
        if request.head.authority >= 0 {
            do throws(Malformed) {
                _ = try HeadRules.request(&section, extendedConnect: false)
            } catch {
                return "malformed in HTTP/2: \(error), \(fields)"
            }
        }
        var again = FieldSection()
        guard let back = Self.request(sent, &again) else {
            return request.head.authority < 0 ? nil : "forwarded as \(sent.text)"
        }
        guard back.framing == request.framing else { return "\(back.framing) instead of \(request.framing)" }
        return nil
    }

    /// The request; nil: there is none, or other octets are behind it.
    private static func request(_ octets: [UInt8], _ section: inout FieldSection) -> HTTP1Request? {
        var reader = RequestReader()
        do throws(HTTP1Fault) {
            guard
                case .head(let request, let end) = try reader.read(octets.span, from: 0, scheme: "http", into: &section)
            else { return nil }
            return end <= octets.count ? request : nil
        } catch {
            return nil
        }
    }

    private func responseFault(_ octets: [UInt8]) -> String? {
        var reader = ResponseReader()
        var section = FieldSection()
        do throws(HTTP1Fault) {
            guard case .head(let response, _) = try reader.read(octets.span, from: 0, answering: .get, into: &section)
            else { return nil }
            if response.head.status == 101 { return nil }
            let head: ResponseHead
            do throws(Malformed) {
                head = try HeadRules.response(section)
            } catch {
                return "malformed in HTTP/2: \(error), \(section.texts)"
            }
            return head == response.head ? nil : "\(head) instead of \(response.head)"
        } catch {
            return nil
        }
    }

    /// However chunks arrive, the content is the same.
    private func chunkedFault(_ octets: [UInt8]) -> String? {
        let whole = Plain.content(chunked: octets)
        let steps = Plain.content(chunked: octets, step: 1)
        // A bare line feed in trailers may be found before the line's other faults, as they come.
        return whole == steps || HTTP1Fault.allCases.contains { "\($0)" == whole } ? nil : "\(whole), and \(steps)"
    }

    /// A path made plain stays as it is.
    private func pathFault(_ octets: [UInt8]) -> String? {
        guard let once = Self.normalised(octets) else { return nil }
        guard !once.contains(0x3f) else { return nil }
        let twice = Self.normalised(once)
        return once == twice && once.count <= octets.count ? nil : "\(once.text), and \(twice?.text ?? "none")"
    }

    private static func normalised(_ octets: [UInt8]) -> [UInt8]? {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: octets.count) { scratch in
            octets.withUnsafeBufferPointer { RoutePath.normalised($0, scratch: scratch).map { Array($0) } }
        }
    }
}

extension FieldSection {
    /// Names and values as they are, whatever bytes they hold.
    fileprivate var bytes: [[UInt8]] {
        (0..<count).flatMap { [Array(name(self[$0])), Array(value(self[$0]))] }
    }
}
