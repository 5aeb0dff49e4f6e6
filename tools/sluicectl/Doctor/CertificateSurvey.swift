// SPDX-License-Identifier: Apache-2.0

import Diagnosis
import Glibc
import HTTP
import Model
import Programs

/// Reads the TLS files of the listeners that are in force.
struct CertificateSurvey {
    let listeners: [Listener]

    func certificates() -> [Facts.Certificate] {
        let now = Int64(time(nil))
        return listeners.flatMap { listener -> [Facts.Certificate] in
            guard let tls = listener.tls else { return [] }
            do {
                let material = try TLSMaterial(reading: tls, admitsExpired: true)
                return try material.shown().map {
                    Facts.Certificate(listener: listener.name, names: $0.names, days: $0.days(at: now))
                }
            } catch {
                return [Facts.Certificate(listener: listener.name, fault: "\(error)")]
            }
        }
    }
}
