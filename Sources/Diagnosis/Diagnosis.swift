// SPDX-License-Identifier: Apache-2.0

/// What the facts of a host come to.
public struct Diagnosis: Hashable, Sendable {
    public enum Outcome: Hashable, Sendable {
        case sound
        case failed
        /// Among the failures is one that only another kernel mends.
        case kernelLacks
    }

    /// From the ground up: kernel, installation, fleet, interfaces, addresses, ways, backends.
    public let findings: [Finding]

    public init(of facts: Facts) {
        findings =
            InstallationChecks(facts: facts).configuration + KernelChecks(facts: facts).findings
            + InstallationChecks(facts: facts).findings + FleetChecks(facts: facts).findings
            + InterfaceChecks(facts: facts).findings
            + AddressChecks(facts: facts).findings + MTUChecks(facts: facts).findings
            + NextHopChecks(facts: facts).findings + HealthChecks(facts: facts).findings
            + CertificateChecks(facts: facts).findings + UnseenTraffic(facts: facts).findings
    }

    public var failures: Int { count(of: .failure) }
    public var warnings: Int { count(of: .warning) }

    public var outcome: Outcome {
        if findings.contains(where: { $0.level == .failure && $0.kernelLacks }) { return .kernelLacks }
        return failures > 0 ? .failed : .sound
    }

    /// `1 failure, 2 warnings`, `no failure, no warning`.
    public var summary: String {
        "\(Self.counted(failures, "failure")), \(Self.counted(warnings, "warning"))"
    }

    /// A line or more a finding, the summary last.
    public var text: String {
        (findings.flatMap(\.lines) + [summary]).map { $0 + "\n" }.joined()
    }

    private func count(of level: Finding.Level) -> Int { findings.count { $0.level == level } }

    private static func counted(_ count: Int, _ noun: String) -> String {
        switch count {
        case 0: "no \(noun)"
        case 1: "1 \(noun)"
        default: "\(count) \(noun)s"
        }
    }
}
