// SPDX-License-Identifier: Apache-2.0

import Foundation

// What the v3 JSON gateway says and hears. Keys and values are base64, as `Data` is in JSON; int64 are strings; fields
// that are zero, false or empty are left out. Names go out in camel case, which it takes as well, and come in snake case.

enum EtcdJSON {
    static func encoded(_ request: some Encodable) throws -> Data { try JSONEncoder().encode(request) }

    static func decoded<Answer: Decodable>(_ data: Data, as type: Answer.Type = Answer.self) throws -> Answer {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try decoder.decode(type, from: data)
    }
}

struct EtcdHeader: Decodable, Sendable {
    let clusterId: String?
    let revision: String?

    var number: Int64 { revision.flatMap { Int64($0) } ?? 0 }
}

struct EtcdRange: Codable, Sendable {
    var key: Data
    var rangeEnd: Data?
    var keysOnly: Bool?
    var limit: String?
    var sortOrder: String?
    var sortTarget: String?

    init(_ key: String) { self.key = Data(key.utf8) }

    /// All keys that begin so: up to the prefix with its last byte raised. Ours end in ASCII, so nothing is carried.
    init(prefix: String) {
        var end = Data(prefix.utf8)
        if let last = end.popLast() { end.append(last + 1) }
        key = Data(prefix.utf8)
        rangeEnd = end
    }

    /// Of the scope's key or keys.
    init(_ scope: ChangeScope, _ keys: StoreKeys) {
        switch scope {
        case .document(let name): self.init(keys.document(name))
        case .family(let family): self.init(prefix: keys.family(family))
        }
    }

    var withoutValues: EtcdRange {
        var range = self
        range.keysOnly = true
        return range
    }
}

struct EtcdValue: Decodable, Sendable {
    let key: Data
    let value: Data?
    let modRevision: String?
    let lease: String?

    var bytes: [UInt8] { value.map { [UInt8]($0) } ?? [] }
    var text: String { String(decoding: bytes, as: UTF8.self) }
    var name: String { String(decoding: key, as: UTF8.self) }
    var modified: Int64 { modRevision.flatMap { Int64($0) } ?? 0 }
}

struct EtcdRangeAnswer: Decodable, Sendable {
    let header: EtcdHeader?
    let kvs: [EtcdValue]?
    let count: String?

    var first: EtcdValue? { kvs?.first }
}

struct EtcdCompare: Encodable, Sendable {
    let key: Data
    let target: String
    let result = "EQUAL"
    var value: Data?
    var modRevision: String?
    var createRevision: String?

    private enum CodingKeys: String, CodingKey { case key, target, result, value, modRevision, createRevision }

    private init(_ key: String, _ target: String) {
        self.key = Data(key.utf8)
        self.target = target
    }

    static func value(_ key: String, is value: String) -> EtcdCompare {
        var compare = EtcdCompare(key, "VALUE")
        compare.value = Data(value.utf8)
        return compare
    }

    /// 0: there is no such key.
    static func modified(_ key: String, at revision: Int64) -> EtcdCompare {
        var compare = EtcdCompare(key, "MOD")
        compare.modRevision = String(revision)
        return compare
    }

    static func absent(_ key: String) -> EtcdCompare {
        var compare = EtcdCompare(key, "CREATE")
        compare.createRevision = "0"
        return compare
    }
}

struct EtcdOperation: Encodable, Sendable {
    struct Put: Encodable, Sendable {
        let key: Data
        let value: Data
        var lease: String?
    }

    var requestRange: EtcdRange?
    var requestPut: Put?
    var requestDeleteRange: EtcdRange?

    static func range(_ range: EtcdRange) -> EtcdOperation { EtcdOperation(requestRange: range) }

    static func put(_ key: String, _ bytes: [UInt8], lease: String? = nil) -> EtcdOperation {
        EtcdOperation(requestPut: Put(key: Data(key.utf8), value: Data(bytes), lease: lease))
    }

    static func delete(_ key: String) -> EtcdOperation { EtcdOperation(requestDeleteRange: EtcdRange(key)) }
}

struct EtcdTransaction: Encodable, Sendable {
    var compare: [EtcdCompare] = []
    var success: [EtcdOperation]
    var failure: [EtcdOperation] = []
}

struct EtcdTransactionAnswer: Decodable, Sendable {
    struct Response: Decodable, Sendable {
        let responseRange: EtcdRangeAnswer?
    }

    let header: EtcdHeader?
    let succeeded: Bool?
    let responses: [Response]?

    var isDone: Bool { succeeded ?? false }

    /// The answer of the nth range.
    func range(_ index: Int) -> EtcdValue? {
        guard let responses, responses.indices.contains(index) else { return nil }
        return responses[index].responseRange?.first
    }
}

struct EtcdLeaseRequest: Encodable, Sendable {
    var id: String?
    var seconds: String?

    private enum CodingKeys: String, CodingKey {
        case id = "ID"
        case seconds = "TTL"
    }
}

struct EtcdLeaseAnswer: Decodable, Sendable {
    let id: String?
    /// Absent where the lease is dead.
    let seconds: String?

    private enum CodingKeys: String, CodingKey {
        case id = "ID"
        case seconds = "TTL"
    }
}

/// A message of a stream.
struct EtcdStreamed<Value: Decodable & Sendable>: Decodable, Sendable {
    let result: Value?
    let error: EtcdFailure?
}

struct EtcdFailure: Decodable, Sendable {
    let code: Int?
    let message: String?
}

struct EtcdWatch: Encodable, Sendable {
    struct Create: Encodable, Sendable {
        let key: Data
        let rangeEnd: Data?
        let startRevision: String
    }

    let createRequest: Create
}

struct EtcdWatchAnswer: Decodable, Sendable {
    /// That there is one is all that matters: what changed is read again.
    struct Event: Decodable, Sendable {}

    let created: Bool?
    let canceled: Bool?
    let compactRevision: String?
    let events: [Event]?
}
