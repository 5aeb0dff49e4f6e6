// SPDX-License-Identifier: Apache-2.0

import Admin
import HTTP
import Model
import Testing

@testable import sluiced

struct HTTPMetricsTests {
    @Test func `a listener's figures become series of its name`() {
        let vip = VIP(address: IPAddress(v4: 0x0a00_0001), port: 80, transport: .tcp)
        var traffic = ProxyTraffic()
        traffic.errors = ["noRoute": 2]
        traffic.abuse = ["pings": 1]
        traffic.retries = 3
        let figures = WorkerFigures.HTTPListener(key: ListenerKey(.http, vip), accepted: 7, traffic: traffic)
        var text = MetricsText()
        HTTPMetrics.add([.init(name: "front", figures: figures)], to: &text)
        for line in [
            #"sluice_http_connections_total{listener="front"} 7"#, #"sluice_http_retries_total{listener="front"} 3"#,
            #"sluice_http_errors_total{listener="front",reason="noRoute"} 2"#,
            #"sluice_http_abuse_total{listener="front",kind="pings"} 1"#,
        ] { #expect(text.text.contains(line + "\n")) }
    }

    @Test func `a worker of a program that tells less is understood`() throws {
        let key = #""key":{"kind":"http","vip":"10.0.0.1:80/tcp"}"#
        let text = #"{"services":[],"http":[{"# + key + #","accepted":1,"active":0,"requests":1,"refused":{}}]}"#
        #expect(try WorkerWire.value(Array(text.utf8), as: WorkerFigures.self).http.first?.traffic == nil)
    }
}
