// SPDX-License-Identifier: Apache-2.0

import Testing

@Suite struct `A bad backend` {
    @Test(arguments: [
        Bad(
            service(backend: ""),
            "s.yaml:4:25: static: a service needs at least one backend"),
        Bad(
            service(backend: "{ address: 10.0.0.1, weight: &w 3 }, { address: 10.0.0.2, weight: *v }"),
            "s.yaml:4:93: weight: no anchor '&v' for this alias"),
        Bad(
            service(backend: "{ address: 10.0.0.1, *a : 3 }"),
            "s.yaml:4:48: a key has to be a plain word"),
        Bad(
            service(backend: "{ address: 10.0.0.1, name: \"a\\u202eb\\e[2J\" }"),
            "s.yaml:4:54: name: expected 1 to 255 bytes, no spaces, no ',', no quotes, found 'a<U+202E>b<U+001B>[2J'"),
        Bad(
            service(backend: "{ name: a }"),
            "s.yaml:4:27: a backend needs 'address'"),
        Bad(
            service(backend: "{ address: 10.0.0.300 }, { address: 10.0.0.2, weight: ten }"),
            "s.yaml:4:38: address: expected an IP address, found '10.0.0.300'",
            "s.yaml:4:81: weight: expected a whole number from 0 to 1000000, found 'ten'"),
        Bad(
            service(backend: "{ address: 10.0.0.1, weight: 1000001 }, { address: 10.0.0.2, weight: 1.5 }"),
            "s.yaml:4:56: weight: expected a whole number from 0 to 1000000, found 1000001",
            "s.yaml:4:96: weight: expected a whole number from 0 to 1000000, found 1.5"),
        Bad(
            service(backend: "{ address: 10.0.0.1, weight: 0 }, { address: 10.0.0.2, weight: 0 }"),
            "s.yaml:4:25: static: every backend has weight 0: nothing could take a new flow"),
        Bad(
            service(backend: "{ address: 10.0.0.1 }, { address: 10.0.0.1, weight: 2 }"),
            "s.yaml:4:50: a second backend '10.0.0.1:80'; the first is in line 4"),
        Bad(
            service(backend: "{ name: a, address: 10.0.0.1 }, { name: a, address: 10.0.0.2 }"),
            "s.yaml:4:59: a second backend 'a'; the first is in line 4"),
        Bad(
            service(backend: "{ name: \"a b\", address: 10.0.0.1 }"),
            "s.yaml:4:35: name: expected 1 to 255 bytes, no spaces, no ',', no quotes, found 'a b'"),
        Bad(
            service(backend: "{ address: 10.9.9.9 }"),
            "s.yaml:4:38: address: 10.9.9.9 is the VIP itself: packets would go round"),
        Bad(
            service(backend: "{ address: 127.0.0.1 }"),
            "s.yaml:4:38: address: 127.0.0.1 is a loopback address"),
        Bad(
            service(vip: ipv6VIP),
            "s.yaml:4:38: address: 10.0.0.1 is IPv4 and the VIP is IPv6: ipip needs an IPv6 backend"),
        Bad(
            service("forward: gue", vip: ipv6VIP),
            "s.yaml:5:38: address: 10.0.0.1 is IPv4 and the VIP is IPv6: gue needs an IPv6 backend"),
        Bad(
            service("forward: l2", backend: "{ address: \"2001:db8::1\" }"),
            "s.yaml:5:38: address: 2001:db8::1 is IPv6 and the VIP is IPv4: l2 needs the same family"),
        Bad(
            service("forward: local"),
            "s.yaml:5:15: backends: forward local delivers to this host; leave the key out"),
        Bad(
            "services:\n  - name: web\n    vip: " + tcpVIP
                + "\n    backends: { consul: { filter: \"\", datacentre: b } }\n",
            "s.yaml:4:25: 'consul' needs 'service'",
            "s.yaml:4:35: filter: expected a filter in one line, such as 'Service.Meta.tier == \"edge\"', "
                + "found the text ''",
            "s.yaml:4:39: unknown key 'datacentre' in 'consul'; did you mean 'datacenter'?"),
        Bad(
            "services:\n  - name: web\n    vip: " + tcpVIP + "\n    backends: [ { address: 10.0.0.1 } ]\n",
            "s.yaml:4:15: backends: expected a mapping { static, consul }, found a list"),
        Bad(
            "services:\n  - name: web\n    vip: " + tcpVIP + "\n",
            "s.yaml:2:5: a service needs 'backends'"),
    ])
    func `is refused with its place and cause`(_ bad: Bad) {
        #expect(problems(ofServices: bad.document) == bad.problems)
    }
}
