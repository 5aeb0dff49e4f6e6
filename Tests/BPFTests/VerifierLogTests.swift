// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import BPF

struct VerifierLogTests {
    @Test func `the complaint is the last line before the statistics`() {
        let log = VerifierLog(
            """
            func#0 @0
            0: R1=ctx() R10=fp0
            ; int value = *pointer; @ steer.bpf.c:7
            0: (b7) r1 = 0                        ; R1_w=0
            1: (61) r0 = *(u32 *)(r1 +0)
            R1 invalid mem access 'scalar'
            verification time 50 usec
            stack depth 0
            processed 2 insns (limit 1000000) max_states_per_insn 0 total_states 0

            """)
        #expect(log.complaint == "R1 invalid mem access 'scalar'")
        #expect(
            log.lines == [
                "; int value = *pointer; @ steer.bpf.c:7", "1: (61) r0 = *(u32 *)(r1 +0)",
                "R1 invalid mem access 'scalar'",
            ])
    }

    @Test func `a log without instructions is told by its end`() {
        let log = VerifierLog("BPF program is too large. Processed 1000001 insn\nprocessed 1000001 insns\n")
        #expect(log.complaint == "BPF program is too large. Processed 1000001 insn")
        #expect(log.lines.count == 1)
    }

    @Test func `an empty log says nothing`() {
        #expect(VerifierLog("").complaint == nil)
    }

    @Test func `a long tail is cut to the limit`() {
        let states = (0..<50).map { "frame\($0): R1=scalar" }.joined(separator: "\n")
        let log = VerifierLog("; source\n5: (95) exit\n\(states)\nR0 !read_ok\n")
        #expect(log.lines.count == VerifierLog.limit)
        #expect(log.lines.first == "; source" && log.lines.last == "R0 !read_ok")
    }
}
