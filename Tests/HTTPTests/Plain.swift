// SPDX-License-Identifier: Apache-2.0

@testable import HTTP

/// Codecs of octets as functions of arrays: for tests, and for a fuzzer that knows no tests.
enum Plain {
    static func huffman(of bytes: [UInt8]) -> [UInt8] {
        bytes.withUnsafeBufferPointer { source in
            written(room: bytes.count * 4 + 8) { Tables.shared.huffman.encode(source, to: &$0) }
        }
    }

    /// nil: refused.
    static func text(huffman octets: [UInt8], room: Int) -> [UInt8]? {
        var output = [UInt8](repeating: 0xa5, count: room + 8)
        let count = output.withUnsafeMutableBufferPointer { memory in
            memory.baseAddress.map { Tables.shared.huffman.decode(octets.span, 0, octets.count, into: $0, room: room) }
        }
        precondition(output[room...].allSatisfy { $0 == 0xa5 }, "written beyond the room")
        guard let count, count >= 0 else { return nil }
        return Array(output[..<count])
    }

    /// Content, then trailers and what is left; or the fault. `step`: octets that come at once.
    static func content(chunked whole: [UInt8], step: Int = .max) -> String {
        var decoder = ChunkedDecoder()
        var section = FieldSection()
        var content: [UInt8] = []
        var at = 0
        var end = 0
        do throws(HTTP1Fault) {
            while end < whole.count {
                end = min(whole.count, step == .max ? whole.count : end + step)
                let input = Array(whole.prefix(end))
                loop: while true {
                    switch try decoder.next(input.span, &at, into: &section) {
                    case .data(let range): content += input[range]
                    case .needsMore: break loop
                    case .end: return "\(content.text) \(section.texts) \(Array(whole[at...]).text)"
                    }
                }
            }
            return "\(content.text) needs more"
        } catch {
            return "\(error)"
        }
    }
}
