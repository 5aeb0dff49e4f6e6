// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

@testable import HTTP

struct HPACKRoundTripTests {
    @Test(arguments: [4096, 0, 64, 1000, 65_535])
    func `what the encoder writes the decoder reads, form and all, and the tables stay equal`(size: Int) throws {
        var heads = RandomHeads(random: SplitMix(for: "HPACK round trip, table of \(size)"))
        var encoder = HeaderEncoder(largest: size)
        var decoder = HeaderDecoder(tableSize: max(size, 4096))
        encoder.allow(tableSize: size)
        var section = FieldSection(limits: FieldLimits(bytes: 200_000, lines: 200))
        var back = FieldSection(limits: FieldLimits(bytes: 200_000, lines: 200))
        for round in 0..<400 {
            let fields = heads.next()
            section.clear()
            back.clear()
            section.add(fields)
            let block = written(room: 150_000) { #expect(encoder.encode(section, to: &$0)) }
            try decoder.decode(block.span, into: &back)
            // A line of the static table comes back as an indexed one, whatever it was before.
            let same = zip(back.fields, fields).allSatisfy {
                $0.name == $1.name && $0.value == $1.value && ($1.form != .neverIndexed || $0.form == .neverIndexed)
            }
            guard same && back.count == fields.count else {
                Issue.record("seed \(heads.random.seed), round \(round): \(back.texts) from \(fields)")
                return
            }
            #expect(encoder.tableSize == decoder.tableSize && encoder.tableCount == decoder.tableCount)
        }
    }

    @Test func `a head that comes again takes an octet a line`() {
        var encoder = HeaderEncoder()
        let lines = [
            ":method: GET", ":scheme: https", ":authority: www.example.org", ":path: /index.html",
            "user-agent: a browser", "x-request-class: batch", "accept: */*",
        ]
        let section = FieldSection(lines)
        _ = written { #expect(encoder.encode(section, to: &$0)) }
        #expect(written { _ = encoder.encode(section, to: &$0) }.count == lines.count)
    }

    @Test func `of sixty lines at most three are not found again`() {
        var encoder = HeaderEncoder()
        let section = FieldSection((0..<60).map { "name-\($0): value-\($0)" })
        _ = written { _ = encoder.encode(section, to: &$0) }
        let octets = written { _ = encoder.encode(section, to: &$0) }
        // Each that is found takes two octets at most, each other about twelve.
        #expect(octets.count <= 57 * 2 + 3 * 14)
    }

    @Test func `what one side decoded is encoded for the other without hashing it again`() throws {
        var decoder = HeaderDecoder()
        var section = FieldSection()
        try decoder.decode(hex("400161 0162").span, into: &section)
        section.clear()
        try decoder.decode(hex("be").span, into: &section)
        #expect(section[0].hash != 0)
        var encoder = HeaderEncoder()
        _ = written { #expect(encoder.encode(section, to: &$0)) }
        #expect(written { _ = encoder.encode(section, to: &$0) } == hex("be"))
    }
}
