// SPDX-License-Identifier: Apache-2.0

import Testing

@Suite struct `A text that is no document` {
    @Test(arguments: [
        Bad(
            "",
            "s.yaml:1:1: the document is empty"),
        Bad(
            "# only a comment\n",
            "s.yaml:1:1: the document is empty"),
        Bad(
            "services:\n",
            "s.yaml:1:10: services: expected a list of services, found nothing"),
        Bad(
            "- a\n- b\n",
            "s.yaml:1:1: document: expected a mapping { defaults, services, listeners, routes }, found a list"),
        Bad(
            "just words\n",
            "s.yaml:1:1: document: expected a mapping { defaults, services, listeners, routes }, found 'just words'"),
        Bad(
            "services: [\n",
            "s.yaml:2:1: not YAML: did not find expected node content, while parsing a flow node"),
        Bad(
            "services: []\n---\nservices: []\n",
            "s.yaml:2:1: a second document begins here; a file holds one"),
        Bad(
            "services:\n\t- name: web\n",
            "s.yaml:2:1: not YAML: a tab cannot indent; write spaces"),
        Bad(
            "services:\n  - name: web\n\t  vip: 1\n",
            "s.yaml:3:1: not YAML: a tab cannot indent; write spaces"),
        Bad(
            "services:\n  - name: \"web\n",
            "s.yaml:3:1: not YAML: found unexpected end of stream, while scanning a quoted scalar from line 2"),
        Bad(
            "services: [] trailing: 1\n",
            "s.yaml:1:14: not YAML: did not find expected key, while parsing a block mapping"),
        Bad(
            "services: \u{7}\n",
            "s.yaml:1:11: the character U+0007 cannot stand in a document"),
        Bad(
            "services: *all\n",
            "s.yaml:1:11: services: no anchor '&all' for this alias"),
        Bad(
            "services: []\n? [a, b]\n: 1\n",
            "s.yaml:2:3: a key has to be a plain word"),
        Bad(
            "services: !!set {a, b}\n",
            "s.yaml:1:11: services: expected a list of services, found the tag '!!set'"),
        Bad(
            "services: []\nservices: []\n",
            "s.yaml:2:1: key 'services' is given twice, first in line 1"),
        Bad(
            "\u{feff}services: []\r\nservices: 1\r\nservices: 2\r\nx: y\r\n",
            "s.yaml:2:1: key 'services' is given twice, first in line 1",
            "s.yaml:3:1: key 'services' is given twice, first in line 1",
            "s.yaml:4:1: unknown key 'x' in the services' document"),
        Bad(
            "services: \u{e000}\n",
            "s.yaml:1:11: the character U+E000 cannot stand in a document"),
        Bad(
            "services: []\n\"serv\\x69ces\": []\nx: 1\n",
            "s.yaml:2:1: key 'services' is given twice, first in line 1",
            "s.yaml:3:1: unknown key 'x' in the services' document"),
        Bad(
            "services: []\n\"services\": []\nlistners: 1\n",
            "s.yaml:2:1: key 'services' is given twice, first in line 1",
            "s.yaml:3:1: unknown key 'listners' in the services' document; did you mean 'listeners'?"),
        Bad(
            "servces: []\n",
            "s.yaml:1:1: unknown key 'servces' in the services' document; did you mean 'services'?"),
        Bad(
            "services: []\nlisteners: 1\nroutes: {}\n",
            "s.yaml:2:12: listeners: expected a list of listeners, found 1",
            "s.yaml:3:9: routes: expected a list of routes, found a mapping"),
        Bad(
            "services: { web: 1 }\n",
            "s.yaml:1:11: services: expected a list of services, found a mapping"),
        Bad(
            "services: [web]\n",
            "s.yaml:1:12: services: expected a mapping { name, vip, forward, table-size, ... }, found 'web'"),
        Bad(
            "services: []\ndefaults: 10m\n",
            "s.yaml:2:11: defaults: expected a mapping { drain, flow-idle, udp-idle, health }, found '10m'"),
        Bad(
            "services: []\ndefaults: { drane: 1h, health: { intervall: 2s } }\n",
            "s.yaml:2:13: unknown key 'drane' in 'defaults'; did you mean 'drain'?",
            "s.yaml:2:34: unknown key 'intervall' in the default 'health'; did you mean 'interval'?"),
        Bad(
            String(repeating: "[", count: 5_000),
            "s.yaml:1:1: not YAML: nested too deep"),
        Bad(
            service("<<: { forward: gue }"),
            "s.yaml:4:5: merge keys ('<<') are not supported; write the keys out"),
    ])
    func `is refused where it stops being one`(_ bad: Bad) {
        #expect(problems(ofServices: bad.document) == bad.problems)
    }
}
