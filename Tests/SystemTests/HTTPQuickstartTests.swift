// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// What shows listeners and routes to somebody who has not seen them.
@Suite(
    .serialized,
    .requires("root", "bpf", "netns", "nginx", "clang", "python3", "curl", "jq", "bpftool", "openssl", "h2load"))
struct HTTPQuickstartTests {
    @Test func `the quickstart of HTTP answers every request, and says so`() async throws {
        let output = try await Lab.place { name in
            try await Command.output(
                [Lab.tools + "/quickstart", "--http", "--name", name], within: 300,
                environment: ["SLUICE_PRODUCTS": Lab.products])
        }
        #expect(output.status == 0, "\(output.text)\(output.errors)")
        #expect(output.errors.isEmpty, "\(output.errors)")
        for pattern in [
            #"\[4/7\] sluiced +front 10\.9\.9\.9:80, secure :443 by TLS, mixed :8443 sniffs · 4 routes · 2 workers"#,
            #"\[5/7\] requests +curl, 5 ways · h2load, 20000 succeeded · 100 MB download, SHA-256 as sent"#,
            #"TLS, HTTP/2 by ALPN +web[12] by HTTP/2"#, #"\[6/7\] gRPC +200 calls of 4 kinds, 0 failed"#,
            #"web2 drained: 0 new · sluiced killed: 0 of [0-9]{3,} requests failed · restarted: adopted 2 workers"#,
            #"All requests were answered\."#,
        ] {
            let found = output.text.range(of: pattern, options: .regularExpression) != nil
            #expect(found, "\(pattern) is not in: \(output.text)")
        }
    }
}
