// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import Storage

/// A store in a directory of this host, for its processes alone.
///
/// What it promises: each transaction is made under flock(2) and is on the disk, whole, before it is answered, so that
/// neither a crash nor a power cut undoes what was accepted, and a stale holder can change nothing. What it does not:
/// it says nothing of other hosts, and a directory on a network file system is not meant. A lease ends by the time
/// since boot, and with the boot.
public struct LocalFileStore: FleetStore {
    public let place: String
    private let directory: String
    private let fleet: String
    private let boot: String

    /// Makes the directory if it is missing.
    public init(directory: String, fleet: String) throws {
        self.fleet = try KeyPart.checked(fleet)
        self.directory = directory
        place = "the store in \(directory)"
        let id = try AtomicFile.read("/proc/sys/kernel/random/boot_id")
        boot = String(decoding: id, as: UTF8.self).filter { !$0.isWhitespace }
        for path in [directory, "\(directory)/blobs"] where mkdir(path, 0o750) != 0 && errno != EEXIST {
            let cause = strerror(errno).map { String(cString: $0) } ?? "error \(errno)"
            throw StoreError.refused(place: place, operation: "make \(path)", cause: cause)
        }
    }

    public func identity() async throws -> StoreIdentity? { try await look { records, _ in records.identity } }

    public func found(above floor: UInt64) async throws -> StoreIdentity {
        try await transaction("found") { records, _ in records.found(fleet, above: floor) }
    }

    public func lockEpochs() async throws -> [String: UInt64] { try await look { records, _ in records.lockEpochs } }

    public func view() async throws -> StoreView {
        try await look { records, _ in
            StoreView(
                identity: records.identity, epoch: records.epochs[.leader]?.epoch ?? 0,
                current: records.documents[.current])
        }
    }

    public func read(_ name: DocumentName) async throws -> Document? {
        try await look { records, _ in records.documents[name] }
    }

    public func documents(_ family: DocumentFamily) async throws -> [DocumentName: Document] {
        try await look { records, _ in
            records.documents.filter { $0.key.text.hasPrefix(family.rawValue) }
        }
    }

    public func write(
        _ bytes: [UInt8]?, to name: DocumentName, expecting: Expectation, as tenure: Tenure?
    ) async throws -> WriteOutcome {
        try await transaction("write \(name)") { records, now in
            try records.write(bytes, to: name, expecting: expecting, as: tenure, at: now, place: place)
        }
    }

    public func putBlob(_ bytes: [UInt8]) async throws -> String {
        let digest = Document(bytes).digest
        try await transaction("write a blob") { records, _ in
            guard records.identity != nil else { throw StoreError.empty(place: place) }
            try AtomicFile.write(bytes, to: blobPath(digest))
        }
        return digest
    }

    public func blob(_ digest: String) async throws -> [UInt8]? {
        guard let bytes = try AtomicFile.readIfPresent(blobPath(try KeyPart.checked(digest))) else { return nil }
        guard Document(bytes).digest == digest else { throw StoreError.damaged(place: place, digest: digest) }
        return bytes
    }

    public func blobs() async throws -> Set<String> {
        let names = try FileManager.default.contentsOfDirectory(atPath: "\(directory)/blobs")
        return Set(names.filter { !$0.hasPrefix(".") })
    }

    public func deleteBlob(_ digest: String, as tenure: Tenure) async throws -> WriteOutcome {
        let path = blobPath(try KeyPart.checked(digest))
        return try await transaction("remove a blob") { records, now in
            let outcome = try records.deleteBlob(digest, as: tenure, at: now, place: place)
            if outcome == .accepted { try AtomicFile.remove(path) }
            return outcome
        }
    }

    public func health() async throws -> StoreHealth {
        let bytes = try AtomicFile.readIfPresent(path)?.count ?? 0
        return StoreHealth(bytes: UInt64(bytes))
    }
}

extension LocalFileStore {
    public func acquire(
        _ lock: LockName, as token: HolderToken, for lease: Duration, above floor: UInt64
    ) async throws -> Acquisition {
        try await transaction("acquire \(lock)") { records, now in
            try records.acquire(lock, as: token, until: now + lease, above: floor, at: now, place: place)
        }
    }

    public func renew(_ lock: LockName, as token: HolderToken, for lease: Duration) async throws -> Renewal {
        try await transaction("renew \(lock)") { records, now in
            records.renew(lock, as: token, until: now + lease, at: now)
        }
    }

    public func release(_ lock: LockName, as token: HolderToken) async throws {
        try await transaction("release \(lock)") { records, _ in records.release(lock, as: token) }
    }

    public func status(of lock: LockName) async throws -> LockStatus {
        try await look { records, now in
            let held = records.holders[lock].flatMap { $0.until > now ? $0 : nil }
            return LockStatus(holder: held?.token, epoch: records.epochs[lock]?.epoch ?? 0)
        }
    }

    public func changed(_ scope: ChangeScope, since mark: ChangeMark?, within: Duration) async throws -> ChangeMark {
        let end = BootClock.now() + within
        while true {
            let latest = try await look { records, _ in records.mark(of: scope) }
            guard let mark, latest == mark, BootClock.now() < end else { return latest }
            try await BootClock.sleep(until: min(end, BootClock.now() + Self.poll))
        }
    }

    public func waitForRelease(_ lock: LockName, within: Duration) async throws {
        let end = BootClock.now() + within
        while try await status(of: lock).holder != nil, BootClock.now() < end {
            try await BootClock.sleep(until: min(end, BootClock.now() + Self.poll))
        }
    }

    /// Looking costs one small file.
    private static let poll = Duration.milliseconds(50)
}

extension LocalFileStore {
    private var path: String { "\(directory)/records.json" }

    private func blobPath(_ digest: String) -> String { "\(directory)/blobs/\(digest)" }

    /// Reads without the lock: the file is replaced in one step.
    private func look<Value>(_ body: (Records, Duration) throws -> Value) async throws -> Value {
        try body(try load(), BootClock.now())
    }

    /// Reads, changes and writes with the directory's lock.
    private func transaction<Value>(
        _ operation: String, _ body: (inout Records, Duration) throws -> Value
    ) async throws -> Value {
        let lock = open("\(directory)/.lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o640)
        guard lock >= 0 else { throw failure(operation) }
        defer { close(lock) }
        // Held as long as one file is written; a process that is stopped in the middle must not stop the others.
        let end = BootClock.now() + .seconds(5)
        while flock(lock, LOCK_EX | LOCK_NB) != 0 {
            guard errno == EWOULDBLOCK || errno == EINTR else { throw failure(operation) }
            guard BootClock.now() < end else {
                throw StoreError.unreachable(
                    place: place, operation: operation, cause: "another process keeps its lock for 5 s")
            }
            try await Task.sleep(for: .milliseconds(.random(in: 1...5)))
        }
        let before = try load()
        var records = before
        let value = try body(&records, BootClock.now())
        if records != before {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys]
            try AtomicFile.write(try encoder.encode(RecordsFile(records, boot: boot)), to: path, mode: 0o640)
        }
        return value
    }

    private func load() throws -> Records {
        guard let bytes = try AtomicFile.readIfPresent(path) else { return Records() }
        let file: RecordsFile
        do { file = try JSONDecoder().decode(RecordsFile.self, from: Data(bytes)) } catch { throw unreadable() }
        guard let records = file.records(boot: boot) else { throw unreadable() }
        if let identity = records.identity, identity.fleet != fleet {
            throw StoreError.foreign(place: place, fleet: fleet, found: identity.fleet)
        }
        return records
    }

    private func unreadable() -> StoreError {
        .refused(place: place, operation: "read \(path)", cause: "damaged; move it away: the floor heals the epochs")
    }

    private func failure(_ operation: String) -> StoreError {
        let cause = strerror(errno).map { String(cString: $0) } ?? "error \(errno)"
        return .refused(place: place, operation: operation, cause: cause)
    }
}
