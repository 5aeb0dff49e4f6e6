// SPDX-License-Identifier: Apache-2.0

import Admin
import Diagnosis

/// What the daemon says, where it runs.
struct DaemonSurvey {
    let facts: Facts.Daemon
    /// What its probes see; nil where it does not say.
    let health: [HealthAnswer.Backend]?

    static func ask(_ options: CommonOptions) async -> DaemonSurvey {
        do {
            let client = try AdminClient(host: options)
            do {
                let status = try await client.get("/v1/status", as: StatusAnswer.self)
                let health = try await client.get("/v1/health", as: HealthAnswer.self)
                return DaemonSurvey(facts: .runs(Facts.Daemon.Status(status)), health: health.backends)
            } catch let failure as Failure where failure.status == .unreachable {
                return DaemonSurvey(facts: .silent("does not answer at \(client.socket)"), health: nil)
            }
        } catch let failure as Failure where failure.status == .permission {
            return DaemonSurvey(facts: .refuses(failure.message), health: nil)
        } catch let failure as Failure {
            return DaemonSurvey(facts: .silent("answers with an error (\(failure.message))"), health: nil)
        } catch {
            return DaemonSurvey(facts: .silent("cannot be asked (\(error))"), health: nil)
        }
    }
}

extension Facts.Daemon.Status {
    init(_ answer: StatusAnswer) {
        self.init(
            version: answer.version, processID: answer.processID,
            applied: answer.generation.map { Facts.GenerationMark(epoch: $0.epoch, number: $0.number) },
            isolated: answer.isolated,
            interfaces: Dictionary(
                answer.interfaces.map { ($0.name, Facts.Daemon.Attachment(mode: $0.mode, reason: $0.reason)) }
            ) { $1 },
            problems: answer.problems, warnings: answer.warnings)
    }
}
