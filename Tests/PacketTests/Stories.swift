// SPDX-License-Identifier: Apache-2.0

import CDataplane
import Model

@testable import Dataplane

extension Story {
    /// Just enough tracking, as far as one flow shows it.
    static let all: [Story] = [
        Story(
            "a SYN goes to current and is recorded",
            [
                .packet(.syn, REASON_NEW, to: "d", leaves: .unfinished("d"))
            ]),
        Story(
            "the ACK follows its SYN's record, which is established then",
            [
                .packet(.syn, REASON_NEW, to: "d", leaves: .unfinished("d")),
                .packet(.ack, REASON_RECORDED, to: "d", leaves: .established("d")),
                .packet([.ack, .push], REASON_RECORDED, to: "d", leaves: .established("d")),
            ]),
        Story(
            "an old flow goes to previous and is not recorded",
            [
                .packet(.ack, REASON_PREVIOUS, to: "a", leaves: .none),
                .packet([.ack, .push], REASON_PREVIOUS, to: "a", leaves: .none),
            ]),
        Story(
            "an old flow of a backend that stays, too", from: "b",
            [
                .packet(.ack, REASON_PREVIOUS, to: "b", leaves: .none)
            ]),
        Story(
            "FIN and RST of an old flow go to previous",
            [
                .packet([.fin, .ack], REASON_PREVIOUS, to: "a", leaves: .none),
                .packet(.rst, REASON_PREVIOUS, to: "a", leaves: .none),
            ]),
        Story("SYN with ACK is no SYN", [.packet([.syn, .ack], REASON_PREVIOUS, to: "a", leaves: .none)]),
        Story(
            "a SYN in a slot that stayed is not recorded", from: "b", to: "b",
            [
                .packet(.syn, REASON_NEW, to: "b", leaves: .none),
                .packet(.ack, REASON_SETTLED, to: "b", leaves: .none),
            ]),
        Story(
            "a SYN of a moved slot that has come back is not recorded",
            [
                .then { try $0.move($1, from: "a", to: "a") },
                .packet(.syn, REASON_NEW, to: "a", leaves: .none),
                .packet(.ack, REASON_PREVIOUS, to: "a", leaves: .none),
            ]),
        Story(
            "a flow recorded meanwhile stays when its slot comes back",
            [
                .packet(.syn, REASON_NEW, to: "d", leaves: .unfinished("d")),
                .packet(.ack, REASON_RECORDED, to: "d", leaves: .established("d")),
                .then { try $0.move($1, from: "a", to: "a") },
                .packet(.ack, REASON_RECORDED, to: "d", leaves: .established("d")),
            ]),
        Story(
            "a retransmitted SYN keeps its unfinished handshake",
            [
                .packet(.syn, REASON_NEW, to: "d", leaves: .unfinished("d")),
                .then { try $0.move($1, from: "a", to: "c") },
                .packet(.syn, REASON_RECORDED, to: "d", leaves: .unfinished("d")),
                .packet(.ack, REASON_RECORDED, to: "d", leaves: .established("d")),
            ]),
        Story(
            "but not with a backend that takes no new flows",
            [
                .packet(.syn, REASON_NEW, to: "d", leaves: .unfinished("d")),
                .then { try $0.move($1, from: "a", to: "c") },
                .then { stage, _ in try stage.setFlag(BACKEND_ACTIVE, of: "d", false) },
                .packet(.syn, REASON_NEW, to: "c", leaves: .unfinished("c")),
                .then { stage, _ in try stage.setFlag(BACKEND_ACTIVE, of: "d", true) },
            ]),
        Story(
            "a handshake that a drain overtakes still ends where it began",
            [
                .packet(.syn, REASON_NEW, to: "d", leaves: .unfinished("d")),
                .then { try $0.move($1, from: "a", to: "c") },
                .then { stage, _ in try stage.setFlag(BACKEND_ACTIVE, of: "d", false) },
                .packet(.ack, REASON_RECORDED, to: "d", leaves: .established("d")),
                .then { stage, _ in try stage.setFlag(BACKEND_ACTIVE, of: "d", true) },
            ]),
        Story(
            "a SYN over an established record begins anew",
            [
                .packet(.syn, REASON_NEW, to: "d", leaves: .unfinished("d")),
                .packet(.ack, REASON_RECORDED, to: "d", leaves: .established("d")),
                .then { try $0.move($1, from: "a", to: "c") },
                .packet(.syn, REASON_NEW, to: "c", leaves: .unfinished("c")),
            ]),
        Story(
            "FIN and RST delete nothing",
            [
                .packet(.syn, REASON_NEW, to: "d", leaves: .unfinished("d")),
                .packet([.fin, .ack], REASON_RECORDED, to: "d", leaves: .established("d")),
                .packet(.rst, REASON_RECORDED, to: "d", leaves: .established("d")),
                .packet(.ack, REASON_RECORDED, to: "d", leaves: .established("d")),
            ]),
        Story(
            "a record unused for flow-idle is void",
            [
                .packet(.syn, REASON_NEW, to: "d", leaves: .unfinished("d")),
                .packet(.ack, REASON_RECORDED, to: "d", leaves: .established("d")),
                .then { $0.ageRecord(of: $1, by: 3600 + 24) },
                .packet(.ack, REASON_PREVIOUS, to: "a", leaves: .expired),
            ]),
        Story(
            "a record unused for nearly as long is not, and is young again",
            [
                .packet(.syn, REASON_NEW, to: "d", leaves: .unfinished("d")),
                .then { $0.ageRecord(of: $1, by: 3592) },
                .packet(.ack, REASON_RECORDED, to: "d", leaves: .established("d")),
            ]),
        Story(
            "a SYN over a void record begins anew",
            [
                .packet(.syn, REASON_NEW, to: "d", leaves: .unfinished("d")),
                .then { $0.ageRecord(of: $1, by: 3600 + 24) },
                .then { try $0.move($1, from: "a", to: "c") },
                .packet(.syn, REASON_NEW, to: "c", leaves: .unfinished("c")),
            ]),
        Story(
            "the records of a backend whose drain deadline has passed are void",
            [
                .packet(.syn, REASON_NEW, to: "d", leaves: .unfinished("d")),
                .packet(.ack, REASON_RECORDED, to: "d", leaves: .established("d")),
                .then { stage, _ in try stage.setFlag(BACKEND_RECORDS_VOID, of: "d", true) },
                .packet(.ack, REASON_PREVIOUS, to: "a", leaves: .established("d")),
                .then { stage, _ in try stage.setFlag(BACKEND_RECORDS_VOID, of: "d", false) },
            ]),
        Story(
            "a record that names another service's backend says nothing",
            [
                .packet(.syn, REASON_NEW, to: "d", leaves: .unfinished("d")),
                .then { stage, flow in
                    let other = try stage.backend("b", of: "web").id.rawValue
                    stage.rewriteRecord(of: flow) { _ in
                        stage.record(fingerprint: flow.fingerprint, backend: other, isEstablished: true)
                    }
                },
                .then { stage, flow in
                    let packet = try stage.packet(of: "moving", from: "a", to: "d")
                    var judge = Judge(
                        Row("", packet, .forwarded(REASON_PREVIOUS, to: .named("a")), "moving"), on: stage)
                    try judge.runOn()
                    if !judge.faults.isEmpty { throw Unusable(what: judge.faults.joined(separator: "; ")) }
                    stage.rewriteRecord(of: flow) { _ in 0 }
                },
            ]),
        Story(
            "a slot without a previous backend sends all to current",
            [
                .then { try $0.move($1, from: nil, to: "d") },
                .packet(.ack, REASON_CURRENT, to: "d", leaves: .none),
            ]),
        Story(
            "fragments of a recorded flow follow it",
            [
                .packet(.syn, REASON_NEW, to: "d", leaves: .unfinished("d")),
                .fragments(REASON_RECORDED, to: "d", leaves: .established("d")),
            ]),
        Story("fragments of an old flow go to previous", [.fragments(REASON_PREVIOUS, to: "a", leaves: .none)]),
        Story(
            "an ICMP error follows the record and writes none",
            [
                .packet(.syn, REASON_NEW, to: "d", leaves: .unfinished("d")),
                .error(to: "d", leaves: .unfinished("d")),
                .packet(.ack, REASON_RECORDED, to: "d", leaves: .established("d")),
                .error(to: "d", leaves: .established("d")),
            ]),
        Story("an ICMP error about an old flow goes to previous and writes nothing", [.error(to: "a", leaves: .none)]),
        Story(
            "over IPv6 a SYN is recorded, and the ACK follows", in: "moving6",
            [
                .packet(.syn, REASON_NEW, to: "d", leaves: .unfinished("d")),
                .packet(.ack, REASON_RECORDED, to: "d", leaves: .established("d")),
                .error(to: "d", leaves: .established("d")),
                .fragments(REASON_RECORDED, to: "d", leaves: .established("d")),
            ]),
        Story(
            "over IPv6 an old flow goes to previous", in: "moving6",
            [
                .packet(.ack, REASON_PREVIOUS, to: "a", leaves: .none), .error(to: "a", leaves: .none),
            ]),
        Story(
            "by GUE a SYN is recorded, and the ACK follows", in: "movinggue",
            [
                .packet(.syn, REASON_NEW, to: "d", leaves: .unfinished("d")),
                .packet(.ack, REASON_RECORDED, to: "d", leaves: .established("d")),
            ]),
        Story(
            "where the client's address alone chooses, a connection has a record of its own", in: "movingsticky",
            [
                .packet(.syn, REASON_NEW, to: "d", leaves: .unfinished("d")),
                .packet(.ack, REASON_RECORDED, to: "d", leaves: .established("d")),
                .error(to: "d", leaves: .established("d")),
                .fragments(REASON_RECORDED, to: "d", leaves: .established("d")),
            ]),
        Story(
            "to any port, too", in: "movingany",
            [
                .packet(.syn, REASON_NEW, to: "d", leaves: .unfinished("d")),
                .packet(.ack, REASON_RECORDED, to: "d", leaves: .established("d")),
                .error(to: "d", leaves: .established("d")),
                .fragments(REASON_RECORDED, to: "d", leaves: .established("d")),
            ]),
        Story(
            "UDP goes to previous soon after the change, and is recorded", in: "movingdns",
            [
                .packet([], REASON_PREVIOUS, to: "a", leaves: .unfinished("a")),
                .packet([], REASON_RECORDED, to: "a", leaves: .established("a")),
            ]),
        Story(
            "UDP that is recorded stays there after the idle time", in: "movingdns",
            [
                .packet([], REASON_PREVIOUS, to: "a", leaves: .unfinished("a")),
                .then { try $0.ageChange(of: $1, in: "movingdns", by: 61) },
                .packet([], REASON_RECORDED, to: "a", leaves: .established("a")),
            ]),
        Story(
            "UDP goes to current after the idle time, and is recorded", in: "movingdns",
            [
                .then { try $0.ageChange(of: $1, in: "movingdns", by: 61) },
                .packet([], REASON_CURRENT, to: "d", leaves: .unfinished("d")),
                .packet([], REASON_RECORDED, to: "d", leaves: .established("d")),
            ]),
        Story(
            "UDP just within the idle time goes to previous", in: "movingdns",
            [
                .then { try $0.ageChange(of: $1, in: "movingdns", by: 58) },
                .packet([], REASON_PREVIOUS, to: "a", leaves: .unfinished("a")),
            ]),
        Story(
            "UDP of a moved slot that has come back is not recorded", in: "movingdns",
            [
                .then { try $0.move($1, of: "movingdns", from: "a", to: "a") },
                .packet([], REASON_CURRENT, to: "a", leaves: .none),
            ]),
        Story(
            "an ICMP error about UDP writes no record", in: "movingdns",
            [
                .error(to: "a", leaves: .none),
                .then { try $0.ageChange(of: $1, in: "movingdns", by: 61) },
                .error(to: "d", leaves: .none),
            ]),
        Story(
            "stateless UDP goes to current always and leaves nothing", in: "stateless",
            [
                .packet([], REASON_CURRENT, to: "d", leaves: .none),
                .packet([], REASON_CURRENT, to: "d", leaves: .none),
                .error(to: "d", leaves: .none),
            ]),
    ]
}

extension Stage {
    /// Sets a slot, unsettled, as a later generation would.
    func move(
        _ flow: Flow, of service: String = "moving", from previous: String?, to current: String
    ) throws {
        let before = try previous.map { try backend($0, of: service).id.rawValue } ?? 0
        let word = SlotWord(current: try backend(current, of: service).id.rawValue, previous: before, unsettled: true)
        try setWord(word, of: flow, in: service)
    }

    fileprivate func setFlag(_ flag: backend_flags, of name: String, _ isSet: Bool) throws {
        setFlag(flag, of: try backend(name, of: "moving").id.rawValue, isSet)
    }

    fileprivate func ageRecord(of flow: Flow, by seconds: UInt32) {
        rewriteRecord(of: flow) { $0 &- UInt64(seconds >> UInt32(RECORD_AGE_UNIT_SHIFT)) << UInt64(RECORD_AGE_SHIFT) }
    }

    fileprivate func ageChange(of flow: Flow, in service: String, by seconds: UInt32) throws {
        let line = try line(of: flow, in: service)
        setTimes(of: line, used: maps.lineTimes[line].used, changed: now() &- seconds)
    }
}
