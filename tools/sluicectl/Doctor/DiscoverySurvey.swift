// SPDX-License-Identifier: Apache-2.0

import ConsulAPI
import Diagnosis
import Documents
import Glibc
import Programs

/// Where instances are found, and the files that it and the store are asked with.
struct DiscoverySurvey {
    let host: HostConfiguration

    /// Nil where the configuration names no source.
    func discovery() async -> Facts.Discovery? {
        switch host.discovery {
        case nil: return nil
        case .file(let path):
            return Facts.Discovery(place: path, trouble: access(path, R_OK) == 0 ? nil : Self.text(of: errno))
        case .consul(let consul):
            let place = consul.access.addresses.joined(separator: ", ")
            do { return Facts.Discovery(place: place, trouble: try await ask(consul.access)) } catch {
                return Facts.Discovery(place: place, trouble: (error as? ConsulError)?.cause ?? "\(error)")
            }
        }
    }

    /// What is wrong; nil where it answers and its servers have a leader.
    private func ask(_ access: ConsulAccess) async throws -> String? {
        let client = ConsulClient(try ConsulSettings(access))
        let result: Result<String?, any Error>
        do { result = .success(try await client.leader()) } catch { result = .failure(error) }
        try await client.shutdown()
        return try result.get() == nil ? "its servers have no leader" : nil
    }

    /// Each file once, in the order of the document.
    func secrets() -> [Facts.Secret] {
        var (secret, open) = ([String?](), [String?]())
        func add(_ tls: TLSPaths?) {
            secret.append(tls?.key)
            open += [tls?.authority, tls?.certificate]
        }
        switch host.coordination.store {
        case .local: break
        case .etcd(let access):
            secret.append(access.passwordFile)
            add(access.tls)
        case .redis(let access):
            secret.append(access.passwordFile)
            add(access.tls)
        case .consul(let access):
            secret.append(access.tokenFile)
            add(access.tls)
        }
        if case .consul(let consul) = host.discovery {
            secret.append(consul.access.tokenFile)
            add(consul.access.tls)
        }
        let secrets = Set(secret.compactMap(\.self))
        let all = secrets.union(open.compactMap(\.self))
        return all.sorted().map { Self.look(at: $0, isSecret: secrets.contains($0)) }
    }

    private static func look(at path: String, isSecret: Bool) -> Facts.Secret {
        var status = stat()
        guard stat(path, &status) == 0 else {
            return Facts.Secret(
                path: path, trouble: "cannot be read: \(text(of: errno))",
                remedy: "put it there:  install -m 0600 FILE \(path)   or name another in sluiced.yaml")
        }
        guard !isSecret || status.st_mode & 0o007 == 0 else {
            return Facts.Secret(
                path: path, trouble: "everybody on this host may use it, so it is refused", remedy: "chmod o= \(path)")
        }
        guard access(path, R_OK) == 0 else {
            return Facts.Secret(path: path, trouble: "cannot be read: \(text(of: errno))")
        }
        return status.st_size > 0
            ? Facts.Secret(path: path) : Facts.Secret(path: path, trouble: "is empty", remedy: "fill it, mode 0600")
    }

    private static func text(of code: Int32) -> String { strerror(code).map { String(cString: $0) } ?? "error \(code)" }
}
