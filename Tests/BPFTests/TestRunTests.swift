// SPDX-License-Identifier: Apache-2.0

import BPF
import TestSupport
import Testing

extension KernelTests {
    struct TestRunTests {
        private static let kernel = KernelFeatures.probe()

        @Test func `a run answers verdict, frame and time`() throws {
            let program = try Sample().program(
                """
                SEC("xdp") int steer(struct xdp_md *ctx) {
                    unsigned char *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
                    if (data + 1 > end) return XDP_ABORTED;
                    data[0] = 0x42;
                    return bpf_xdp_adjust_head(ctx, -20) ? XDP_ABORTED : XDP_TX;
                }
                """)
            let result = try program.testRun(TestRun(data: Sample.frame))
            #expect(result.verdict == 3)
            #expect(result.data.count == 80 && result.data[20] == 0x42 && result.data[21] == 0xff)
            #expect(result.duration < .seconds(1))
        }

        @Test(.enabled("this kernel's test runs name no interface: Linux 5.15") { kernel.testRunContext })
        func `a frame seems to come in by the loopback, or by the interface that is named`() throws {
            let program = try Sample().program(Sample.interface)
            #expect(try program.testRun(TestRun(data: Sample.frame)).verdict == 1)
            let namespace = try NetworkNamespace()
            try namespace.run("ip link add index 77 veth0 type veth peer name veth1")
            let verdict = try namespace.inside {
                try program.testRun(TestRun(data: Sample.frame, ingressInterface: 77)).verdict
            }
            #expect(verdict == 77)
        }

        @Test(.enabled("this kernel's test runs send nothing: Linux 5.18") { kernel.testRunLive })
        func `live frames are really sent, so many`() throws {
            let object = try Sample().object(Sample.counting)
            try object.load()
            let program = try object.program("steer")
            let namespace = try NetworkNamespace()
            try namespace.inside {
                _ = try program.testRun(
                    TestRun(data: Sample.frame, repeatCount: 100, live: true, batchSize: 32))
            }
            #expect(try object.map("counts").lookup(UInt32(0), as: UInt64.self) == 100)
        }

        @Test(.enabled("this kernel takes frames of any length: Linux before 5.18") { kernel.testRunLive })
        func `a frame that is too short is refused by name`() throws {
            let program = try Sample().program(Sample.dropping)
            let text = failure { _ = try program.testRun(TestRun(data: [1, 2, 3])) }
            #expect(text == "run program steer: invalid argument (EINVAL)")
        }
    }
}
