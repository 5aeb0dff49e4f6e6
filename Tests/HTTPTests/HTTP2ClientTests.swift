// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import HTTP

/// The upstream side, against servers that err or mean harm.
struct HTTP2ClientTests {
    typealias F = Frames

    @Test func `a request goes out and its answer comes in`() {
        let dialogue = Dialogue.begun(.client)
        #expect(dialogue.open(F.get) == 0)
        #expect(dialogue.sent == ["HEADERS 1 end"])
        let lines = dialogue.hear(
            F.headers(1, [":status: 103", "link: x"], ends: false) + F.headers(1, [":status: 200"], ends: false)
                + F.data(1, "hi") + F.headers(1, ["grpc-status: 0"]))
        #expect(lines == ["interim 0 103", "response 0 200", "data 0 hi", "trailers 0 grpc-status: 0"])
        #expect(dialogue.connection.streams.count == 0)
    }

    @Test func `a client's first octets are its preface`() {
        #expect(Dialogue(.client).sent == ["preface", "SETTINGS", "WINDOW_UPDATE 0 983041"])
    }

    static let answers: [(String, [UInt8], String)] = [
        ("8.3.2: no status", F.headers(1, ["a: b"]), "stream 1 malformed(HTTP.Malformed.pseudoMissing)"),
        ("8.3.2: a status of two digits", F.headers(1, [":status: 20"]), "stream 1 malformed(HTTP.Malformed.status)"),
        ("8.3.2: a status that is none", F.headers(1, [":status: 2x0"]), "stream 1 malformed(HTTP.Malformed.status)"),
        ("8.6: 101", F.headers(1, [":status: 101"], ends: false), "stream 1 malformed(HTTP.Malformed.status)"),
        ("8.1: 1xx that ends", F.headers(1, [":status: 100"]), "stream 1 malformed(HTTP.Malformed.interimWithEnd)"),
        (
            "8.3: a request's pseudo-header", F.headers(1, [":status: 200", ":path: /"]),
            "stream 1 malformed(HTTP.Malformed.pseudoUnexpected)"
        ),
        (
            "8.2.2: connection", F.headers(1, [":status: 200", "connection: close"]),
            "stream 1 malformed(HTTP.Malformed.connectionSpecific)"
        ),
        (
            "8.1.1: content-length without content", F.headers(1, [":status: 200", "content-length: 5"]),
            "stream 1 malformed(HTTP.Malformed.contentLengthDisagrees)"
        ),
        ("8.1: DATA before a head", F.data(1, "x"), "stream 1 malformed(HTTP.Malformed.pseudoMissing)"),
        (
            "6.4.1: content after 204", F.headers(1, [":status: 204"], ends: false) + F.data(1, "x"),
            "stream 1 malformed(HTTP.Malformed.contentLengthDisagrees)"
        ),
        ("8.4: a push", F.frame(5, 4, 1, [0, 0, 0, 2] + F.block(F.get)), "failed pushPromise"),
        ("6.5.2: a server that allows pushes", F.settings([(2, 1)]), "failed settingsValue"),
        ("5.1.1: a stream that was never begun", F.headers(3, [":status: 200"]), "failed frameOnIdleStream"),
        ("5.1.1: a stream of the server's", F.headers(2, [":status: 200"]), "failed streamNumber"),
        (
            "5.1: an answer after the answer", F.headers(1, [":status: 200"]) + F.data(1, "x"),
            "failed frameOnClosedStream"
        ),
        ("7: a refusal", F.reset(1, 7), "reset 0 refusedStream"),
        ("6.8: going away below our stream", F.frame(7, 0, 0, [0, 0, 0, 0, 0, 0, 0, 0]), "away 0 noError"),
    ]

    @Test(arguments: answers)
    func `what a server answers has the consequence that the RFC names`(rule: String, frames: [UInt8], last: String) {
        let dialogue = Dialogue.begun(.client)
        #expect(dialogue.open(F.get) == 0)
        #expect(dialogue.hear(frames).last == last, "\(rule)")
    }

    @Test func `the answer to HEAD may promise content and brings none`() {
        let dialogue = Dialogue.begun(.client)
        #expect(dialogue.open([":method: HEAD"] + F.get.dropFirst(), method: .head) == 0)
        #expect(dialogue.hear(F.headers(1, [":status: 200", "content-length: 5"])) == ["response 0 200 end"])
    }

    @Test func `no more streams are begun than the server bears, or after it goes away`() {
        let dialogue = Dialogue.begun(.client)
        dialogue.hear(F.settings([(3, 1)]))
        #expect(dialogue.open(F.get) == 0)
        let section = FieldSection(F.get)
        #expect(dialogue.write { $0.open(section, method: .get, ends: true, to: &$1) } == .tooMany)
        dialogue.hear(F.headers(1, [":status: 200"]))
        dialogue.hear(F.frame(7, 0, 0, [0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0]))
        #expect(dialogue.write { $0.open(section, method: .get, ends: true, to: &$1) } == .exhausted)
    }

    @Test func `stream numbers end at 2^31-1 (5.1.1)`() {
        let dialogue = Dialogue.begun(.client)
        dialogue.connection.nextStream = 0x7fff_ffff
        #expect(dialogue.open(F.get) == 0)
        let section = FieldSection(F.get)
        #expect(dialogue.write { $0.open(section, method: .get, ends: true, to: &$1) } == .exhausted)
    }
}
