// SPDX-License-Identifier: Apache-2.0

import Documents
import Model
import Testing

@Suite struct `A host's document` {
    @Test func `needs interfaces alone`() throws {
        let configuration = try HostConfiguration.parse(text: "interfaces: [eth0]", file: "sluiced.yaml")
        #expect(!configuration.host.isEmpty)
        #expect(configuration == HostConfiguration(host: configuration.host, interfaces: ["eth0"]))
    }

    @Test func `has the defaults that packages count on`() {
        let defaults = HostConfiguration(host: "edge-1", interfaces: ["eth0"])
        #expect(defaults.datapath.mode == .auto && defaults.datapath.foreign == .refuse)
        #expect(defaults.datapath.sourcePrefix.description == "172.16.0.0/16")
        #expect(defaults.datapath.sourcePrefix6.description == "100::/64")
        #expect(defaults.datapath.bpfRoot == "/sys/fs/bpf/sluice")
        let directories = defaults.directories
        #expect(directories.state == "/var/lib/sluice" && directories.cache == "/var/cache/sluice")
        #expect(directories.run == "/run/sluice" && directories.bpf == "/usr/share/sluice/bpf")
        #expect(defaults.admin.group == "sluice" && defaults.admin.metrics.description == "127.0.0.1:9464")
    }

    @Test func `holds every key`() throws {
        let text = """
            host: edge-1
            interfaces: [eth0, eth1.100]
            datapath:
              mode: generic
              source-prefix: 10.64.0.0/12
              source-prefix6: "fd00:1::/48"
              bpf-root: /sys/fs/bpf/edge1/
              foreign: replace
            directories: { state: /s, cache: /c, run: /r, bpf: /b }
            services: conf/services.yaml
            coordination: { store: local }
            admin: { group: wheel, metrics: "[::1]:9000" }
            """
        let configuration = try HostConfiguration.parse(text: text, file: "/etc/sluice/sluiced.yaml")
        var expected = HostConfiguration(
            host: "edge-1", interfaces: ["eth0", "eth1.100"], services: "/etc/sluice/conf/services.yaml")
        expected.datapath.mode = .generic
        expected.datapath.sourcePrefix = try #require(IPPrefix(IPAddress(v4: 0x0a40_0000), length: 12))
        expected.datapath.sourcePrefix6 = try #require(IPPrefix(IPAddress(high: 0xfd00_0001 << 32, low: 0), length: 48))
        expected.datapath.bpfRoot = "/sys/fs/bpf/edge1"
        expected.datapath.foreign = .replace
        expected.directories.state = "/s"
        expected.directories.cache = "/c"
        expected.directories.run = "/r"
        expected.directories.bpf = "/b"
        expected.admin.group = "wheel"
        expected.admin.metrics = Endpoint(address: IPAddress(high: 0, low: 1), port: 9000)
        #expect(configuration == expected)
    }

    @Test(arguments: [
        ("sluiced.yaml", "services.yaml", "services.yaml"),
        ("/etc/sluice/sluiced.yaml", "a.yaml", "/etc/sluice/a.yaml"),
        ("conf/sluiced.yaml", "../a.yaml", "conf/../a.yaml"), ("conf/sluiced.yaml", "/srv/a.yaml", "/srv/a.yaml"),
    ])
    func `names its services document relative to its own folder`(file: String, path: String, expected: String) throws {
        let text = "interfaces: [eth0]\nservices: \(path)\n"
        #expect(try HostConfiguration.parse(text: text, file: file).services == expected)
    }

    @Test(arguments: [
        "127.0.0.1", "127.0.0.1:0", "127.0.0.1:065", "::1:80", "[127.0.0.1]:80", ":80", "a:80", "[::1]80",
    ])
    func `has no endpoint in a text that is none`(text: String) {
        #expect(Endpoint(text) == nil)
    }
}
