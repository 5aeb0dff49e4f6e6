// SPDX-License-Identifier: Apache-2.0

extension FuzzEntry {
    /// What mutations begin with.
    var seeds: [[UInt8]] {
        switch self {
        case .huffman: (0..<20).map { HuffmanTests.encode(Array("www.example.com/\($0)?a=b#~{}".utf8)) }
        case .fieldBlock:
            (HPACKExampleTests.dialogues + HPACKExampleTests.representations).flatMap(\.blocks).map { hex($0.hex) }
                + HPACKRuleTests.refused.map { hex($0.hex) } + [
                    Frames.block(Frames.get + ["cookie: a", "te: trailers"])
                ]
        case .server: (HTTP2RuleTests.framing + HTTP2RuleTests.control).map(\.frames) + [Self.manyFrames]
        case .client: HTTP2ClientTests.answers.map(\.1) + [Self.manyFrames]
        case .request: (RequestReaderTests.good + RequestReaderTests.bad).map { Array($0.0.utf8) }
        case .response: ResponseReaderTests.cases.map { Array($0.0.utf8) }
        case .chunked: ChunkedTests.cases.map { Array($0.0.utf8) }
        case .path: RouteTests.paths.map { Array($0.0.utf8) }
        }
    }

    private static var manyFrames: [UInt8] {
        let opened = [1, 3, 5, 7].flatMap { Frames.headers($0, Frames.post + ["content-length: 3"], ends: false) }
        return opened + Frames.data(3, "abc", ends: true) + Frames.frame(0, 9, 5, [2, 1, 2, 3, 0, 0])
            + Frames.settings([(4, 9), (1, 0), (1, 80)]) + Frames.headers(7, ["a: b"]) + Frames.windowUpdate(1, 77)
            + Frames.frame(1, 1, 9, []) + Frames.frame(9, 0, 9, Frames.block(Frames.get)) + Frames.frame(9, 4, 9, [])
            + Frames.reset(1)
    }
}
