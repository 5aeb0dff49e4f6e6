// SPDX-License-Identifier: Apache-2.0

import Diagnosis
import Testing

@Suite struct `Certificates of listeners` {
    private static func lines(_ certificate: Facts.Certificate) -> [String] {
        var facts = sound()
        facts.certificates = [certificate]
        return Diagnosis(of: facts).findings.filter { $0.check == .certificate }.flatMap(\.lines)
    }

    @Test func `that are good for long are well`() {
        #expect(
            Self.lines(.init(listener: "front", names: ["a.test", "b.test"], days: 60))
                == ["ok    listener front: the certificate of a.test is good for 60 more days"])
    }

    @Test func `that end soon are told before`() {
        #expect(
            Self.lines(.init(listener: "front", names: ["a.test"], days: 1)).first
                == "WARN  listener front: the certificate of a.test is good for 1 more day")
    }

    @Test func `that have expired fail`() {
        #expect(
            Self.lines(.init(listener: "front", names: [], days: -1)).first
                == "FAIL  listener front: the certificate of no name has expired: clients refuse it")
    }

    @Test func `whose files do not serve fail with the fault`() {
        #expect(
            Self.lines(.init(listener: "front", fault: "read key /a.key: No such file")).first
                == "FAIL  listener front: read key /a.key: No such file")
    }
}
