// SPDX-License-Identifier: Apache-2.0

import CBPF
import Glibc

/// A frame to run through a program without a network, as BPF_PROG_TEST_RUN does.
public struct TestRun: Sendable {
    /// The frame, from its Ethernet header on; at least 14 bytes.
    public var data: [UInt8]
    public var repeatCount: Int
    /// The interface that the frame seems to come in by, of this network namespace; nil: the loopback. Kernel 5.15.
    public var ingressInterface: UInt32?
    /// Room for the frame that comes out.
    public var outputCapacity: Int
    /// Sends the frames on for real, as the verdict says, `batchSize` at a time (at most 256); no frame comes back.
    /// Kernel 5.18.
    public var live: Bool
    public var batchSize: Int

    public init(
        data: [UInt8], repeatCount: Int = 1, ingressInterface: UInt32? = nil, outputCapacity: Int? = nil,
        live: Bool = false, batchSize: Int = 64
    ) {
        self.data = data
        self.repeatCount = repeatCount
        self.ingressInterface = ingressInterface
        self.outputCapacity = outputCapacity ?? data.count + 256
        self.live = live
        self.batchSize = batchSize
    }

    public struct Result: Sendable {
        /// What the program answered: XDP_PASS is 2.
        public let verdict: UInt32
        /// The frame as the program left it; empty after a live run.
        public let data: [UInt8]
        /// Of one run, on average; whole nanoseconds.
        public let duration: Duration
    }
}

extension Program {
    /// Runs the program on a frame.
    public func testRun(_ run: TestRun) throws(BPFError) -> TestRun.Result {
        LibbpfMessages.silence()
        var output = [UInt8](repeating: 0, count: run.live ? 0 : run.outputCapacity)
        var context = xdp_md()
        context.data_end = UInt32(run.data.count)
        context.ingress_ifindex = run.ingressInterface ?? 0
        var request = cbpf_test_run()
        request.repeat = Int32(clamping: run.repeatCount)
        request.data_in_size = UInt32(run.data.count)
        request.data_out_size = UInt32(output.count)
        if run.live {
            request.flags = UInt32(BPF_F_TEST_XDP_LIVE_FRAMES)
            request.batch = UInt32(run.batchSize)
        }
        let result = run.data.withUnsafeBytes { data in
            output.withUnsafeMutableBytes { output in
                withUnsafeBytes(of: &context) { context in
                    request.data_in = data.baseAddress
                    request.data_out = run.live ? nil : output.baseAddress
                    if run.ingressInterface != nil {
                        request.context = context.baseAddress
                        request.context_size = UInt32(context.count)
                    }
                    return cbpf_test_run(descriptor, &request)
                }
            }
        }
        try BPFError.check(result, "run", "program \(name)")
        return TestRun.Result(
            verdict: request.verdict, data: run.live ? [] : Array(output.prefix(Int(request.data_out_size))),
            duration: .nanoseconds(Int(request.duration)))
    }
}
