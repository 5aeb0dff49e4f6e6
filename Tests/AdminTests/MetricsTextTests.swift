// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Admin

@Suite struct MetricsTextTests {
    @Test func `an exposition ends with its end mark even when it is empty`() {
        #expect(MetricsText().text == "# EOF\n")
    }

    @Test func `a counter's samples end in total, its family does not`() {
        var metrics = MetricsText()
        metrics.family("sluice_packets", .counter, help: "Packets by verdict.") {
            $0.add(UInt64(17), .init("reason", "steered"))
            $0.add(UInt64.max, .init("reason", "no-vip"), .init("interface", "eth0"))
        }
        #expect(
            metrics.text == """
                # TYPE sluice_packets counter
                # HELP sluice_packets Packets by verdict.
                sluice_packets_total{reason="steered"} 17
                sluice_packets_total{reason="no-vip",interface="eth0"} 18446744073709551615
                # EOF

                """)
    }

    @Test func `a unit has its line between type and help`() {
        var metrics = MetricsText()
        metrics.gauge("sluice_applied_seconds", unit: "seconds", help: "When.", 1.5)
        metrics.counter("sluice_sent_bytes", unit: "bytes", help: "How much.", 3)
        #expect(
            metrics.text == """
                # TYPE sluice_applied_seconds gauge
                # UNIT sluice_applied_seconds seconds
                # HELP sluice_applied_seconds When.
                sluice_applied_seconds 1.5
                # TYPE sluice_sent_bytes counter
                # UNIT sluice_sent_bytes bytes
                # HELP sluice_sent_bytes How much.
                sluice_sent_bytes_total 3
                # EOF

                """)
    }

    @Test func `a histogram's buckets hold what the ones before hold`() {
        var metrics = MetricsText()
        metrics.family("sluice_wait_seconds", .histogram, unit: "seconds", help: "How long.") {
            $0.add(bounds: [0.25, 1], [3, 0, 1], sum: 9.5, .init("route", "a"))
        }
        #expect(
            metrics.text == """
                # TYPE sluice_wait_seconds histogram
                # UNIT sluice_wait_seconds seconds
                # HELP sluice_wait_seconds How long.
                sluice_wait_seconds_bucket{route="a",le="0.25"} 3
                sluice_wait_seconds_bucket{route="a",le="1.0"} 3
                sluice_wait_seconds_bucket{route="a",le="+Inf"} 4
                sluice_wait_seconds_count{route="a"} 4
                sluice_wait_seconds_sum{route="a"} 9.5
                # EOF

                """)
    }

    @Test func `backslash, quote and end of line are escaped`() {
        var metrics = MetricsText()
        metrics.family("sluice_build", .info, help: "a \\ b\n\"c\"") { $0.add(UInt64(1), .init("version", "1\"\\\n2")) }
        #expect(metrics.text.contains(#"# HELP sluice_build a \\ b\n\"c\""# + "\n"))
        #expect(metrics.text.contains(#"sluice_build_info{version="1\"\\\n2"} 1"# + "\n"))
    }

    @Test(arguments: [
        (0.0, "0"), (-2.0, "-2"), (0.25, "0.25"), (Double.infinity, "+Inf"), (-Double.infinity, "-Inf"),
        (Double.nan, "NaN"), (1_700_000_000, "1700000000"),
    ])
    func `numbers are written as OpenMetrics wants them`(value: Double, text: String) {
        var metrics = MetricsText()
        metrics.gauge("sluice_x", help: "x", value)
        #expect(metrics.text.contains("\nsluice_x \(text)\n"))
    }
}
