// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

@testable import HTTP

/// Against another implementation: Debian's python3-hpack.
@Suite(.requires("python3"))
struct HPACKPeerTests {
    /// Reads a line a block and answers a line a block: octets in hexadecimal one way, `name=value` the other.
    private static let script = """
        import sys, hpack
        way = sys.argv[1]
        coder = hpack.Decoder(max_header_list_size=1 << 20) if way == "decode" else hpack.Encoder()
        for number, line in enumerate(sys.stdin):
            words = line.split()
            if way == "decode":
                fields = coder.decode(bytes.fromhex(words[0]), raw=True)
                print(" ".join(f.hex() + "=" + v.hex() for f, v in (x[:2] for x in fields)))
            else:
                # A change of the table's size now and then, as a peer's settings would bring it.
                if number % 50 == 49:
                    coder.header_table_size = [4096, 100, 0, 2000][number // 50 % 4]
                pairs = [w.partition("=") for w in words]
                fields = [(bytes.fromhex(p[0]), bytes.fromhex(p[2])) for p in pairs]
                print(coder.encode(fields, huffman=number % 3 > 0).hex())
        """

    /// The lines that the script answers.
    private static func ask(_ way: String, _ lines: [String]) throws -> [[Substring]] {
        let folder = try TemporaryDirectory()
        let script = try folder.write(Self.script, to: "peer.py")
        let input = try folder.write(lines.joined(separator: "\n") + "\n", to: "input")
        // The system's own Python: it is the one that Debian's packages are for.
        let answer = try Shell.run("/usr/bin/python3 \(script) \(way) <\(input)")
        let answers = answer.split(separator: "\n", omittingEmptySubsequences: false).dropLast()
        return answers.map { $0.split(separator: " ") }
    }

    private static func words(_ fields: [Field]) -> String {
        fields.map { "\(Array($0.name.utf8).hexadecimal)=\(Array($0.value.utf8).hexadecimal)" }.joined(separator: " ")
    }

    @Test func `python-hpack reads what we write`() throws {
        var heads = RandomHeads(random: SplitMix(for: "HPACK to python"))
        var encoder = HeaderEncoder()
        var blocks: [String] = []
        var expected: [String] = []
        for round in 0..<300 {
            if round % 50 == 49 { encoder.allow(tableSize: [4096, 100, 0, 2000][round / 50 % 4]) }
            let fields = heads.next()
            var section = FieldSection(limits: FieldLimits(bytes: 200_000, lines: 200))
            section.add(fields)
            blocks.append(written(room: 150_000) { #expect(encoder.encode(section, to: &$0)) }.hexadecimal)
            expected.append(Self.words(fields))
        }
        let answers = try Self.ask("decode", blocks)
        #expect(answers.count == expected.count)
        for (answer, fields) in zip(answers, expected) where answer.joined(separator: " ") != fields {
            Issue.record("seed \(heads.random.seed): \(answer) for \(fields)")
            return
        }
    }

    @Test func `we read what python-hpack writes`() throws {
        var heads = RandomHeads(random: SplitMix(for: "HPACK from python"))
        let sections = (0..<300).map { _ in heads.next() }
        let answers = try Self.ask("encode", sections.map(Self.words))
        #expect(answers.count == sections.count)
        var decoder = HeaderDecoder()
        var section = FieldSection(limits: FieldLimits(bytes: 200_000, lines: 200))
        for (answer, fields) in zip(answers, sections) {
            section.clear()
            try decoder.decode(hex(answer.joined()).span, into: &section)
            guard Self.words(section.fields) == Self.words(fields) else {
                Issue.record("seed \(heads.random.seed): \(section.texts) for \(fields)")
                return
            }
        }
    }
}
