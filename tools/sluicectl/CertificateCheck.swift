// SPDX-License-Identifier: Apache-2.0

import Documents
import Glibc
import HTTP
import Model
import Programs

/// Tries the TLS files that a document's listeners name, as far as this host has them.
struct CertificateCheck {
    private let document: ServicesDocument
    private let file: String

    init(_ document: ServicesDocument, file: String) {
        self.document = document
        self.file = file
    }

    /// Throws what does not serve. A file that is not here is a warning: the document may be meant for other hosts.
    func run() throws {
        var problems: [Problem] = []
        for listener in document.desired.routing.listeners {
            guard let tls = listener.tls else { continue }
            let place = document.listenerPlaces[listener.name] ?? .wholeFile
            let missing = tls.files.filter { access($0, F_OK) != 0 && errno == ENOENT }
            for path in missing { tell(place, "listener \(listener.name): this host has no \(path)") }
            guard missing.isEmpty else { continue }
            do {
                _ = try TLSMaterial(reading: tls)
            } catch {
                problems.append(problem(place, "listener \(listener.name): \(error)"))
            }
        }
        if !problems.isEmpty { throw Problems(problems) }
    }

    private func tell(_ place: Place, _ message: String) {
        Terminal.error(problem(place, "warning: " + message).description)
    }

    private func problem(_ place: Place, _ message: String) -> Problem {
        Problem(file: file, line: place.line, column: place.column, message: message)
    }
}
