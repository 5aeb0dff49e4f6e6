// SPDX-License-Identifier: Apache-2.0

import Admin
import ArgumentParser
import Diagnosis

/// `sluicectl doctor`: what is wrong with this host, why, and the command that mends it.
struct DoctorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor", abstract: "Name what is wrong with this host, and the command that mends it.",
        discussion: """
            Looks at kernel, interfaces, addresses, MTUs, next hops and backends, in a fleet also at its store, its \
            leader and at discovery; works while the daemon is dead, and changes nothing. It asks the network by ARP who has the VIPs, and connects to backends that probes see down.
            Exit codes: 0 no failure, 1 something fails, 8 the kernel lacks what it needs.
            """)

    @OptionGroup var options: CommonOptions

    func run() async throws {
        let diagnosis = Diagnosis(of: await HostSurvey(options).facts())
        switch options.output {
        case .table: Terminal.print(diagnosis.text)
        case .json: try printJSON(Report(diagnosis))
        }
        switch diagnosis.outcome {
        case .sound: return
        case .failed: throw ArgumentParser.ExitCode(Admin.ExitCode.failed.rawValue)
        case .kernelLacks: throw ArgumentParser.ExitCode(Admin.ExitCode.kernelLacks.rawValue)
        }
    }

    private struct Report: Encodable {
        struct Entry: Encodable {
            let check: String
            let level: String
            let subject: String
            let text: String
            let remedy: [String]
        }

        let findings: [Entry]
        let failures: Int
        let warnings: Int

        init(_ diagnosis: Diagnosis) {
            findings = diagnosis.findings.map {
                Entry(
                    check: $0.check.rawValue, level: $0.level.rawValue, subject: $0.subject, text: $0.text,
                    remedy: $0.remedy)
            }
            failures = diagnosis.failures
            warnings = diagnosis.warnings
        }
    }
}
