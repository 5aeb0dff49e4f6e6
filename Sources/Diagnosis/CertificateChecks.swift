// SPDX-License-Identifier: Apache-2.0

/// Whether listeners can show certificates, and for how long.
struct CertificateChecks {
    let facts: Facts

    /// So long before the end a person is told: renewals come at 30 days, and have failed by then.
    private static let soon = 14

    var findings: [Finding] { facts.certificates.map(finding) }

    private func finding(_ certificate: Facts.Certificate) -> Finding {
        let subject = "listener \(certificate.listener)"
        if let fault = certificate.fault {
            return Finding(
                .certificate, .failure, subject, fault,
                remedy: ["put right files there; sluiced reads them by itself within a second"])
        }
        let name = "certificate of " + (certificate.names.first ?? "no name")
        if certificate.days < 0 {
            return Finding(
                .certificate, .failure, subject, "the \(name) has expired: clients refuse it",
                remedy: ["renew it; sluiced reads the new file by itself within a second"])
        }
        let rest = "the \(name) is good for \(Words.count(certificate.days, "more day"))"
        guard certificate.days < Self.soon else { return Finding(.certificate, .ok, subject, rest) }
        return Finding(
            .certificate, .warning, subject, rest,
            remedy: ["renew it; sluiced reads the new file by itself within a second"])
    }
}
