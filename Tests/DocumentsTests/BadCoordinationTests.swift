// SPDX-License-Identifier: Apache-2.0

import Testing

@Suite struct `Bad settings of a fleet` {
    @Test(arguments: [
        Bad(
            "coordination: { store: zookeper }",
            "h.yaml:2:24: store: expected local, etcd, redis or consul, found 'zookeper'"),
        Bad(
            "coordination: { store: ectd }",
            "h.yaml:2:24: store: expected local, etcd, redis or consul, found 'ectd'; did you mean 'etcd'?"),
        Bad(
            "coordination: { fleet: north }",
            "h.yaml:2:15: 'coordination' needs 'store'"),
        Bad(
            "coordination: { store: local, fleet: north }",
            "h.yaml:2:31: unknown key 'fleet' in 'coordination' with store local"),
        Bad(
            "coordination: { store: etcd, adress: \"http://10.0.0.1:2379\" }",
            "h.yaml:2:30: unknown key 'adress' in 'coordination' with store etcd; did you mean 'address'?"),
        Bad(
            "coordination: { store: consul, password-file: /p }",
            "h.yaml:2:32: unknown key 'password-file' in 'coordination' with store consul"),
        Bad(
            "coordination: { store: etcd, address: 10.0.0.1 }",
            "h.yaml:2:39: address: expected an address such as http://10.0.0.1:2379, of http or https, "
                + "found '10.0.0.1'"),
        Bad(
            "coordination: { store: etcd, address: [] }",
            "h.yaml:2:39: address: at least one address is needed"),
        Bad(
            "coordination: { store: redis, address: \"redis://10.0.0.1\" }",
            "h.yaml:2:40: address: expected a host and a port such as 10.0.0.1:6379, found 'redis://10.0.0.1'"),
        Bad(
            "coordination: { store: etcd, fleet: \"a/b\", candidate: maybe }",
            "h.yaml:2:37: fleet: expected 1 to 64 bytes, letters, digits, '.', '-' and '_', found 'a/b'",
            "h.yaml:2:55: candidate: expected true or false, found 'maybe'"),
        Bad(
            "coordination: { store: etcd, user: edge }",
            "h.yaml:2:15: 'coordination' with store etcd needs 'password-file'"),
        Bad(
            "coordination: { store: etcd, tls: { ca: /ca.pem } }",
            "h.yaml:2:35: tls: no address begins with https://"),
        Bad(
            "coordination: { store: redis, tls: { cert: /c.pem } }",
            "h.yaml:2:36: 'tls' needs 'key'"),
        Bad(
            "coordination: { store: etcd, lease: 10s, renew: 10s }",
            "h.yaml:2:49: renew: the lease of 10s has to be longer than the time to renew it"),
        Bad(
            "coordination: { store: etcd, lease: 15s, renew: 2400ms, retry: 2s }",
            "h.yaml:2:64: retry: the time to renew, 2400ms, has to be longer than 1.2 times the retry"),
        Bad(
            "coordination: { store: etcd, lease: 15 }",
            "h.yaml:2:37: lease: expected a duration from 100ms to 1h, such as 10s, found 15"),
        Bad(
            "coordination: { store: etcd }\nservices: services.yaml",
            "h.yaml:3:11: services: with store etcd the services lie in the store: remove the key, and run  "
                + "sluicectl apply services.yaml"),
        Bad(
            "discovery: { file: /a.json, consul: {} }",
            "h.yaml:2:12: discovery is in consul or file, not both"),
        Bad(
            "discovery: {}",
            "h.yaml:2:12: 'discovery' needs 'consul' or 'file'"),
        Bad(
            "discovery: { consul: { adress: a, token: b } }",
            "h.yaml:2:24: unknown key 'adress' in 'consul'; did you mean 'address'?",
            "h.yaml:2:35: unknown key 'token' in 'consul'"),
        Bad(
            "discovery: { consul: { address: consul:8500, quiet: 20s } }",
            "h.yaml:2:33: address: expected an address such as http://10.0.0.1:8500, of http, https or unix, "
                + "found 'consul:8500'",
            "h.yaml:2:53: quiet: 'quiet' is longer than 'longest-quiet'"),
    ])
    func `are refused with the place and cause of each`(_ bad: Bad) {
        #expect(problems(ofHost: "interfaces: [eth0]\n\(bad.document)\n") == bad.problems)
    }
}
