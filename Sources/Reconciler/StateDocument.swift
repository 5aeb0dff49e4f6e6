// SPDX-License-Identifier: Apache-2.0

import Model
import Storage

/// One small document of the state directory: canonical JSON, written whole.
struct StateDocument {
    let path: String
    let remedy: String

    /// Nil where there is none yet.
    func read<Value>(_ parse: (CanonicalValue) -> Value?) throws -> Value? {
        guard let bytes = try AtomicFile.readIfPresent(path) else { return nil }
        let value: CanonicalValue
        do {
            value = try CanonicalValue(parsing: bytes)
        } catch {
            throw StateError("read", path, "half-written or damaged: \(error)", remedy: remedy)
        }
        guard let parsed = parse(value) else {
            throw StateError("read", path, "not what is expected there", remedy: remedy)
        }
        return parsed
    }

    func write(_ value: CanonicalValue) throws {
        try AtomicFile.write(value.bytes, to: path, mode: 0o600)
    }
}

extension CanonicalValue {
    subscript(key: String) -> CanonicalValue? {
        guard case .object(let members) = self else { return nil }
        return members[key]
    }

    var text: String? {
        guard case .string(let text) = self else { return nil }
        return text
    }

    var number: Int64? {
        guard case .integer(let number) = self else { return nil }
        return number
    }

    /// A counter: never negative.
    var count: UInt64? { number.flatMap { UInt64(exactly: $0) } }

    /// The elements, each understood; nil where one is not.
    func elements<Value>(_ parse: (CanonicalValue) -> Value?) -> [Value]? {
        guard case .array(let values) = self else { return nil }
        let parsed = values.compactMap(parse)
        return parsed.count == values.count ? parsed : nil
    }
}

// MARK: - What stands in the documents

extension Mark {
    init?(_ value: CanonicalValue) {
        guard let epoch = value["epoch"]?.count, let number = value["number"]?.count,
            let digest = value["digest"]?.text
        else { return nil }
        self.init(epoch: epoch, number: number, digest: digest)
    }

    var canonical: CanonicalValue {
        .object([
            "epoch": .integer(Int64(clamping: epoch)), "number": .integer(Int64(clamping: number)),
            "digest": .string(digest),
        ])
    }
}

extension BackendName {
    init?(_ value: CanonicalValue) {
        guard let service = value["service"]?.text, let backend = value["backend"]?.text else { return nil }
        self.init(service: service, backend: backend)
    }
}

extension Override {
    init?(_ value: CanonicalValue) {
        guard let name = BackendName(value), let author = value["author"]?.text, let reason = value["reason"]?.text
        else { return nil }
        self.init(
            service: name.service, backend: name.backend, author: author, reason: reason,
            expiry: value["expiry"]?.number)
    }

    var canonical: CanonicalValue {
        var members: [String: CanonicalValue] = [
            "service": .string(service), "backend": .string(backend), "author": .string(author),
            "reason": .string(reason),
        ]
        if let expiry { members["expiry"] = .integer(expiry) }
        return .object(members)
    }
}
