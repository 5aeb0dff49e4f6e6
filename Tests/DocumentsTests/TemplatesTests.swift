// SPDX-License-Identifier: Apache-2.0

import Documents
import Model
import Testing

@Suite struct `Templates of a host` {
    private func problems(_ template: String) -> [String] {
        do {
            _ = try HostConfiguration.parse(
                text: "interfaces: [eth0]\nhost: h\ntemplates:\n\(template)", file: "/etc/s/f.yaml")
            return []
        } catch {
            return error.list.map(\.description)
        }
    }

    @Test func `are read with all they may say`() throws {
        let host = try HostConfiguration.parse(
            text: """
                interfaces: [eth0]
                host: h
                templates:
                  - name: nginx
                    source: { file: nginx.mustache }
                    services:
                      - web
                      - { name: api, service: api.v2, filter: 'x == "y"', states: [active, draining], minimum: 0 }
                    keys: [limit, { name: size, key: nginx/size, default: "10" }]
                    prefixes: [flags, { name: more, prefix: more/of/it, minimum: 0 }]
                    target: { file: /etc/nginx/nginx.conf, mode: 0644, owner: root, group: adm, backup: false }
                    validate: [nginx, -t, -c, "{path}"]
                    command: systemctl reload nginx
                    timeout: 5s
                    wait: { min: 2s }
                  - { name: copy, source: { key: t/copy }, target: { key: out/copy } }
                """, file: "/etc/s/f.yaml")
        var expected = TemplateDefinition(
            name: "nginx", source: .file("/etc/s/nginx.mustache"),
            target: .file(
                .init(path: "/etc/nginx/nginx.conf", mode: 0o644, owner: "root", group: "adm", keepsBackup: false)))
        expected.services = [
            .init(name: "web", query: CatalogQuery(service: "web")),
            .init(
                name: "api", query: CatalogQuery(service: "api.v2", filter: #"x == "y""#),
                states: [.active, .draining], minimum: 0),
        ]
        expected.keys = [.init(name: "limit", key: "limit"), .init(name: "size", key: "nginx/size", fallback: "10")]
        expected.prefixes = [
            .init(name: "flags", prefix: "flags/"), .init(name: "more", prefix: "more/of/it", minimum: 0),
        ]
        expected.validate = .program(["nginx", "-t", "-c", "{path}"])
        expected.command = .shell("systemctl reload nginx")
        expected.timeout = .seconds(5)
        expected.wait = QuietTime(quiet: .seconds(2), longest: .seconds(8))
        let copy = TemplateDefinition(name: "copy", source: .key("t/copy"), target: .key("out/copy"))
        #expect(host.templates == [expected, copy])
    }

    @Test(arguments: [
        (
            "- { name: a, source: { file: f, key: k }, target: { key: o } }",
            "4:22: 'source' needs file or key, one of them"
        ),
        ("- { name: a, source: { file: f }, target: { file: out } }", "4:51: file: expected an absolute path"),
        (
            "- { name: a, source: { file: f }, target: { key: o, mode: 0644 } }",
            "4:59: mode: a key of Consul's has none"
        ),
        (
            "- { name: a, source: { file: f }, target: { file: /o, mode: 999 } }",
            "mode: expected a mode such as \"0644\""
        ),
        ("- { name: a, source: { key: o }, target: { key: o } }", "target: the template reads the key that it writes"),
        (
            "- { name: a, source: { file: f }, prefixes: [o], target: { key: o/x } }",
            "target: the template reads the key that it writes"
        ),
        ("- { name: a, source: { file: f }, target: { key: o }, validate: nginx -t }", "validate: needs {path}"),
        (
            "- { name: a, source: { file: f }, target: { key: o }, services: [a.b] }",
            "'a.b' can be no name in a template"
        ),
        ("- { name: a, source: { file: f }, target: { key: o }, keys: [a, a] }", "the name 'a' is there twice"),
        (
            "- { name: a, source: { file: f }, target: { key: o }, wait: { min: 9s, max: 1s } }",
            "'min' is longer than 'max'"
        ),
        ("- { name: a, source: { file: f }, target: { key: o }, comand: x }", "did you mean 'command'?"),
        (
            """
            - { name: a, source: { file: f }, target: { key: o } }
            - { name: b, source: { key: k }, target: { key: o } }
            """,
            "two templates write 'key o'"
        ),
    ])
    func `are refused with the place where`(template: String, expected: String) {
        let found = problems(template)
        #expect(found.count == 1 && found[0].contains(expected), "\(found)")
    }
}
