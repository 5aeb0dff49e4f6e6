// SPDX-License-Identifier: Apache-2.0

import Testing

@Suite struct `A bad host's document` {
    @Test(arguments: [
        Bad(
            "host: edge-1\n",
            "h.yaml:1:1: the host's document needs 'interfaces'"),
        Bad(
            "interfaces: eth0\n",
            "h.yaml:1:13: interfaces: expected a list of interfaces, found 'eth0'"),
        Bad(
            "interfaces: []\n",
            "h.yaml:1:13: interfaces: at least one interface is needed"),
        Bad(
            "interfaces: [eth0, eth0, \"a/b\", an-interface-name]\n",
            "h.yaml:1:20: interfaces: 'eth0' is listed twice",
            "h.yaml:1:26: interfaces: expected 1 to 15 bytes, no spaces, no '/', no ':', found 'a/b'",
            "h.yaml:1:33: interfaces: expected 1 to 15 bytes, no spaces, no '/', no ':', found 'an-interface-name'"),
        Bad(
            "interfaces: [eth0]\nhost: \"edge 1\"\n",
            "h.yaml:2:7: host: expected 1 to 253 bytes, letters, digits, '.', '-' and '_', found 'edge 1'"),
        Bad(
            "interfaces: [eth0]\ndatapath: { mode: natve }\n",
            "h.yaml:2:19: mode: expected auto, native, generic or sockets, found 'natve'; did you mean 'native'?"),
        Bad(
            "interfaces: [eth0]\nworkers: { count: 65, users: www }\n",
            "h.yaml:2:19: count: expected a whole number from 1 to 64, found 65",
            "h.yaml:2:23: unknown key 'users' in 'workers'; did you mean 'user'?"),
        Bad(
            "interfaces: [eth0]\ndatapath: { source-prefix: 172.16.0.1/16, source-prefix6: 172.16.0.0/16 }\n",
            "h.yaml:2:28: source-prefix: 172.16.0.1/16 has host bits set; did you mean '172.16.0.0/16'?",
            "h.yaml:2:59: source-prefix6: expected an IPv6 prefix of 8 to 64 bits, found '172.16.0.0/16'"),
        Bad(
            "interfaces: [eth0]\ndatapath: { source-prefix6: \"0100::/96\", bpf-root: run/sluice, foreign: keep }\n",
            "h.yaml:2:29: source-prefix6: expected an IPv6 prefix of 8 to 64 bits, found '0100::/96'",
            "h.yaml:2:52: bpf-root: expected an absolute path such as /var/lib/sluice, found 'run/sluice'",
            "h.yaml:2:73: foreign: expected refuse or replace, found 'keep'"),
        Bad(
            "interfaces: [eth0]\ndatapath: { bpf-root: /sys/fs/bpf/sluice.1 }\n",
            "h.yaml:2:23: bpf-root: no dot in the last folder"),
        Bad(
            "interfaces: [eth0]\ndirectories: { state: lib, chache: /tmp }\n",
            "h.yaml:2:23: state: expected an absolute path such as /var/lib/sluice, found 'lib'",
            "h.yaml:2:28: unknown key 'chache' in 'directories'; did you mean 'cache'?"),
        Bad(
            "interfaces: [eth0]\nservices: 5\n",
            "h.yaml:2:11: services: expected a path, found 5; put it in quotes if it is meant as text"),
        Bad(
            "interfaces: [eth0]\nadmin: { group: 5, metrics: 9464 }\n",
            "h.yaml:2:17: group: expected text, found 5; put it in quotes if it is meant as text",
            "h.yaml:2:29: metrics: expected an address and a port such as 127.0.0.1:9464, found 9464"),
        Bad(
            "interfaces: [eth0]\nadmin: { metrics: localhost:9464 }\n",
            "h.yaml:2:19: metrics: expected an address and a port such as 127.0.0.1:9464, found 'localhost:9464'"),
        Bad(
            "interfaces: [eth0]\nlisteners: []\n",
            "h.yaml:2:1: unknown key 'listeners' in the host's document"),
    ])
    func `is refused with the place and cause of each bad key`(_ bad: Bad) {
        #expect(problems(ofHost: bad.document) == bad.problems)
    }
}
