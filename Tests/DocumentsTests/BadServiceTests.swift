// SPDX-License-Identifier: Apache-2.0

import Testing

@Suite struct `A bad service` {
    @Test(arguments: [
        Bad(
            "services: [ {} ]\n",
            "s.yaml:1:13: a service needs 'backends'",
            "s.yaml:1:13: a service needs 'name'",
            "s.yaml:1:13: a service needs 'vip'"),
        Bad(
            service(backend: "{ address: 10.0.0.1, wieght: 3 }"),
            "s.yaml:4:48: unknown key 'wieght' in a backend; did you mean 'weight'?"),
        Bad(
            service("Forward: ipip"),
            "s.yaml:4:5: unknown key 'Forward' in a service; did you mean 'forward'?"),
        Bad(
            service("forward: ippi"),
            "s.yaml:4:14: forward: expected ipip, gue, l2, local or sockets, found 'ippi'; did you mean 'ipip'?"),
        Bad(
            service("forward: 4"),
            "s.yaml:4:14: forward: expected ipip, gue, l2, local or sockets, found 4"),
        Bad(
            service("forward: sockets", vip: anyVIP),
            "s.yaml:4:14: forward: sockets cannot listen on any port: give the VIP one"),
        Bad(
            service("forward: sockets", "proxy-protocol: v3", "connect-timeout: 2m", "max-connections: 0"),
            "s.yaml:5:21: proxy-protocol: expected none, v1 or v2, found 'v3'; did you mean 'v1'?",
            "s.yaml:6:22: connect-timeout: expected a duration from 10ms to 1m, such as 10s, found '2m'",
            "s.yaml:7:22: max-connections: expected a whole number from 1 to 10000000, found 0"),
        Bad(
            service("proxy-protocol: v2"),
            "s.yaml:4:21: proxy-protocol: belongs to forward sockets; with forward ipip no socket sees a packet"),
        Bad(
            service("forward: sockets", "proxy-protocol: v2", "idle-timeout: 1h", vip: udpVIP),
            "s.yaml:5:21: proxy-protocol: goes before TCP's bytes alone",
            "s.yaml:6:19: idle-timeout: a UDP flow ends by udp-idle"),
        Bad(
            service("forward: sockets", "proxy-protocl: v2"),
            "s.yaml:5:5: unknown key 'proxy-protocl' in a service; did you mean 'proxy-protocol'?"),
        Bad(
            service("forward:"),
            "s.yaml:4:13: forward: expected ipip, gue, l2, local or sockets, found nothing"),
        Bad(
            service("table-size: 5000"),
            "s.yaml:4:17: table-size: expected 4099, 16381 or 65537, found 5000"),
        Bad(
            service("table-size: \"16381\""),
            "s.yaml:4:17: table-size: expected 4099, 16381 or 65537, found the text '16381'"),
        Bad(
            service("hash: 4tuple"),
            "s.yaml:4:11: hash: expected 5tuple or source-ip, found '4tuple'; did you mean '5tuple'?"),
        Bad(
            service("udp: stateles"),
            "s.yaml:4:10: udp: expected tracked or stateless, found 'stateles'; did you mean 'stateless'?"),
        Bad(
            service("on-down: reset"),
            "s.yaml:4:14: on-down: expected keep or rehash, found 'reset'"),
        Bad(
            service("drain: 10"),
            "s.yaml:4:12: drain: expected a duration from 0s to 7d in whole seconds, such as 10s, found 10"),
        Bad(
            service("drain: 8d"),
            "s.yaml:4:12: drain: expected a duration from 0s to 7d in whole seconds, such as 10s, found '8d'"),
        Bad(
            service("flow-idle: 1500ms"),
            "s.yaml:4:16: flow-idle: expected a duration from 1s to 1d in whole seconds, such as 10s, found '1500ms'"),
        Bad(
            service("udp-idle: 2h"),
            "s.yaml:4:15: udp-idle: expected a duration from 1s to 1h in whole seconds, such as 10s, found '2h'"),
        Bad(
            service("drain: ten minutes"),
            "s.yaml:4:12: drain: expected a duration from 0s to 7d in whole seconds, such as 10s, found 'ten minutes'"),
        Bad(
            service("allow: 10.0.0.0/8"),
            "s.yaml:4:12: allow: expected a list of prefixes, found '10.0.0.0/8'"),
        Bad(
            service("allow: [10.0.0.1/8]"),
            "s.yaml:4:13: allow: 10.0.0.1/8 has host bits set; did you mean '10.0.0.0/8'?"),
        Bad(
            service("deny: [10.0.0.1]"),
            "s.yaml:4:12: deny: expected a prefix, found '10.0.0.1'; did you mean '10.0.0.1/32'?"),
        Bad(
            service("deny: [10.0.0.0/33, any]"),
            "s.yaml:4:12: deny: expected a prefix length from 0 to 32, found '10.0.0.0/33'",
            "s.yaml:4:25: deny: expected a prefix such as 10.0.0.0/8, found 'any'"),
        Bad(
            service("allow: [\"2001:db8::/32\"]"),
            "s.yaml:4:13: allow: 2001:db8::/32 is IPv6, and the VIP's clients are IPv4"),
        Bad(
            service("brake: { min-active: -1, max-removed: 50 }"),
            "s.yaml:4:26: min-active: expected a whole number from 0 to 32767, found -1",
            "s.yaml:4:43: max-removed: expected a share from 0% to 100%, found 50"),
        Bad(
            service("brake: { max-removed: 101% }"),
            "s.yaml:4:27: max-removed: expected a share from 0% to 100%, found '101%'"),
        Bad(
            service("name: shop"),
            "s.yaml:4:5: key 'name' is given twice, first in line 2"),
        Bad(
            service(vip: "10.9.9.9:80/tcp"),
            "s.yaml:3:10: vip: expected a mapping { address, port, protocol }, found '10.9.9.9:80/tcp'"),
        Bad(
            service(vip: "{ address: 10.9.9, port: http, protocol: sctp }"),
            "s.yaml:3:21: address: expected an IP address, found '10.9.9'",
            "s.yaml:3:35: port: expected 'any' or a port from 1 to 65535, found 'http'",
            "s.yaml:3:51: protocol: expected tcp or udp, found 'sctp'"),
        Bad(
            service(vip: "{ address: 224.0.0.1, port: 0, protocol: tcp }"),
            "s.yaml:3:21: address: 224.0.0.1 is a multicast address",
            "s.yaml:3:38: port: expected 'any' or a port from 1 to 65535, found 0"),
        Bad(
            service(vip: "{ address: 10.9.9.9 }"),
            "s.yaml:3:10: a VIP needs 'port'",
            "s.yaml:3:10: a VIP needs 'protocol'"),
        Bad(
            service(vip: "{ address: 10.9.9.9, port: 0443, protocol: TCP }"),
            "s.yaml:3:37: port: expected 'any' or a port from 1 to 65535, found 0443",
            "s.yaml:3:53: protocol: expected tcp or udp, found 'TCP'; did you mean 'tcp'?"),
        Bad(
            service(vip: "{ address: fe80::1, port: 0x50, protocol: tcp }"),
            "s.yaml:3:21: address: fe80::1 is a link-local address, which says nothing without its interface",
            "s.yaml:3:36: port: expected 'any' or a port from 1 to 65535, found 0x50"),
        Bad(
            service(vip: "{ address: 127.0.0.1, port: 65536, protocol: udp }"),
            "s.yaml:3:21: address: 127.0.0.1 is a loopback address",
            "s.yaml:3:38: port: expected 'any' or a port from 1 to 65535, found 65536"),
        Bad(
            "services:\n  - name: 12\n    vip: " + tcpVIP
                + "\n    backends: { static: [ { address: 10.0.0.1 } ] }\n  - name: two words\n",
            "s.yaml:2:11: name: expected text, found 12; put it in quotes if it is meant as text",
            "s.yaml:5:5: a service needs 'backends'",
            "s.yaml:5:5: a service needs 'vip'",
            "s.yaml:5:11: name: expected 1 to 63 bytes, letters, digits, '.', '-' and '_', found 'two words'"),
    ])
    func `is refused with the place and cause of each bad key`(_ bad: Bad) {
        #expect(problems(ofServices: bad.document) == bad.problems)
    }

    @Test(arguments: [
        Bad(
            service("health: {}"),
            "s.yaml:4:13: a health check needs 'tcp' or 'http'"),
        Bad(
            service("health: { tcp: {}, http: {} }"),
            "s.yaml:4:13: a health check is tcp or http, not both"),
        Bad(
            service("health: { tcp: { port: 0 } }"),
            "s.yaml:4:28: port: expected a port from 1 to 65535, found 0"),
        Bad(
            service("health: { tcp: }"),
            "s.yaml:4:20: tcp: expected a mapping { port }, found nothing"),
        Bad(
            service("health: { http: { path: healthz, status: 20x, host: \"a b\" } }"),
            "s.yaml:4:29: path: expected a path that begins with '/', found 'healthz'",
            "s.yaml:4:46: status: expected status codes such as 200-299, from 100 to 599, found '20x'",
            "s.yaml:4:57: host: expected 1 to 255 bytes, printable ASCII without spaces, found 'a b'"),
        Bad(
            service("health: { http: { status: 299-200 } }"),
            "s.yaml:4:31: status: expected status codes such as 200-299, from 100 to 599, found '299-200'"),
        Bad(
            service("health: { tcp: {}, through-tunnel: yes }"),
            "s.yaml:4:40: through-tunnel: expected true or false, found 'yes'"),
        Bad(
            service("forward: l2", "health: { tcp: {}, through-tunnel: true }"),
            "s.yaml:5:40: through-tunnel: forward l2 has no tunnel"),
        Bad(
            service("health: { tcp: {}, interval: 500ms }"),
            "s.yaml:4:34: interval: a timeout of 1s is longer than the interval of 500ms"),
        Bad(
            service("health: { tcp: {}, interval: 1ms, rise: 0, fall: 101 }"),
            "s.yaml:4:34: interval: expected a duration from 10ms to 1h, such as 10s, found '1ms'",
            "s.yaml:4:45: rise: expected a whole number from 1 to 100, found 0",
            "s.yaml:4:54: fall: expected a whole number from 1 to 100, found 101"),
        Bad(
            service("health: { tcp: {} }", vip: anyVIP),
            "s.yaml:4:13: health: no port to probe: neither the VIP nor backend '10.0.0.1:any' names one"),
    ])
    func `is refused for its health check`(_ bad: Bad) {
        #expect(problems(ofServices: bad.document) == bad.problems)
    }
}
