// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// What shows a fleet to somebody who has not seen one.
@Suite(
    .serialized,
    .requires(
        "root", "bpf", "netns", "nginx", "clang", "python3", "curl", "jq", "bpftool", "openssl", "etcd", "consul"))
struct FleetQuickstartTests {
    @Test func `the quickstart of a fleet answers every request, and says so`() async throws {
        let output = try await Lab.place { name in
            try await Command.output(
                [Lab.tools + "/quickstart", "--fleet", "--name", name], within: 300,
                environment: ["SLUICE_PRODUCTS": Lab.products])
        }
        #expect(output.status == 0, "\(output.text)\(output.errors)")
        #expect(output.errors.isEmpty, "\(output.errors)")
        for pattern in [
            #"\[4/7\] fleet +edge[123] leads · web 10\.9\.9\.9:80/tcp, 2 backends from Consul · generation 1\.[0-9]+"#,
            #"\[5/7\] Consul +web3 registered: on 3 edges after [0-9.]+ s · web1 deregistered: after [0-9.]+ s"#,
            #"\[6/7\] leader killed +edge[123] killed, edge[123] leads after [0-9.]+ s \(lease 3 s\)"#,
            #"\[7/7\] stale leader +edge[123] slept in a publication, edge[123] leads · woken: refused by etcd"#,
            #"[0-9]{3,} requests in [0-9]+ s of traffic all the while, 0 failed"#, #"All requests were answered\."#,
        ] {
            let found = output.text.range(of: pattern, options: .regularExpression) != nil
            #expect(found, "\(pattern) is not in: \(output.text)")
        }
    }
}
