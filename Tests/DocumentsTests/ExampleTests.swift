// SPDX-License-Identifier: Apache-2.0

import Documents
import Model
import TestSupport
import Testing

@Suite struct `The examples that are installed` {
    private let folder = RepositoryRoot.path + "/tools/packaging"

    @Test func `hold a host's configuration, mostly the defaults`() throws {
        let configuration = try HostConfiguration.load(path: folder + "/sluiced.yaml")
        var expected = HostConfiguration(host: configuration.host, interfaces: ["eth0"])
        expected.services = folder + "/services.yaml"
        #expect(configuration == expected)
    }

    @Test func `hold services without a warning`() throws {
        let document = try ServicesDocument.load(path: folder + "/services.yaml")
        #expect(document.warnings.isEmpty)
        #expect(
            document.desired.entries.map(notation) == [
                "web 192.0.2.10:443/tcp ipip -> web1 10.0.1.4 w10, web2 10.0.1.5 w10, web3 10.0.2.4 w5",
                "dns [2001:db8::53]:53/udp gue -> "
                    + "[2001:db8:1::4]:53 2001:db8:1::4 w1, [2001:db8:1::5]:53 2001:db8:1::5 w1",
            ])
    }
}
