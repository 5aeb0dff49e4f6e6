// SPDX-License-Identifier: Apache-2.0

import Model
import Storage

/// What a host keeps of itself over restarts: what it accepted last and what it applied last, whole; its high-water
/// mark; what its probes saw down; the drains of a host without a shared store. Each is written whole.
public actor HostState {
    /// What was found; what could not be read is missing and named.
    public struct Restored: Sendable {
        /// What was accepted last.
        public var publication: Publication?
        /// What was applied last, for those who look: it may be older than what was accepted. Nil where no record says.
        public var applied: Publication?
        public var highWater: Mark?
        /// Since when each is down: UTC, seconds since 1970.
        public var down: [BackendName: Int64] = [:]
        public var drains: [Override] = []
        /// What it goes back to where it ran a canary.
        public var unconfirmed: Unconfirmed?
        /// Whose store it followed.
        public var identity: FleetIdentity?
        public var problems: [String] = []
    }

    private var files: GenerationFiles
    private var appliedFiles: GenerationFiles
    private var confirmedFiles: GenerationFiles
    private var applied: Mark?
    private let documents: Documents
    private var drains: [Override] = []
    private var drainsAreUnknown: String?
    private var drainEdits = 0
    /// Whether there may be files of a canary.
    private var hasCanary = true

    /// Opens or makes it in this directory.
    public init(directory: String) throws {
        files = try GenerationFiles(
            directory: directory, manifest: Self.accepted, beside: [Self.inForce, Self.confirmed],
            remedy: "remove \(directory)/accepted.json: the store's current generation takes its place")
        appliedFiles = try GenerationFiles(
            directory: directory, manifest: Self.inForce, beside: [Self.accepted, Self.confirmed],
            remedy: "remove \(directory)/applied.json: it is written anew")
        confirmedFiles = try GenerationFiles(
            directory: directory, manifest: Self.confirmed, beside: [Self.accepted, Self.inForce],
            remedy: "remove \(directory)/confirmed.json: the fleet's next generation takes its place")
        documents = Documents(directory: directory)
    }

    /// What lies in the directory, read without a lock and without changing it: for tools, while a daemon may run.
    public static func look(at directory: String) -> Restored {
        var found = restored(
            GenerationFiles(reading: directory, manifest: accepted),
            GenerationFiles(reading: directory, manifest: confirmed), Documents(directory: directory))
        do {
            found.applied = try readWhole(GenerationFiles(reading: directory, manifest: inForce))
        } catch {
            found.problems.append("\(error)")
        }
        return found
    }

    private static let accepted = "accepted.json"
    private static let inForce = "applied.json"
    private static let confirmed = "confirmed.json"

    public func restore() -> Restored {
        let restored = Self.restored(files, confirmedFiles, documents)
        drains = restored.drains
        hasCanary = true
        drainsAreUnknown = restored.problems.first { $0.contains(documents.drains.path) }
        return restored
    }

    /// The generation first, then the mark: a mark without its generation could not be applied after a reboot.
    ///
    /// - Returns: what is not as it should be though the generation is on disk; nil where all is.
    @discardableResult
    public func persist(_ publication: Publication, highWater: Mark? = nil) throws -> String? {
        try accept(publication, highWater: highWater ?? publication.mark)
        if hasCanary {
            try StateFolder.remove(documents.canary.path)
            try confirmedFiles.remove()
            hasCanary = false
        }
        return files.leftover
    }

    /// A canary, and what to go back to: that first, as the canary takes its place.
    ///
    /// - Returns: as `persist(_:)`.
    @discardableResult
    public func persist(_ publication: Publication, unconfirmed: Unconfirmed) throws -> String? {
        hasCanary = true
        if let fallback = unconfirmed.fallback {
            _ = try confirmedFiles.write(fallback.generation)
        } else {
            try confirmedFiles.remove()
        }
        try documents.canary.write(
            .object([
                "rollout": .string(unconfirmed.rollout), "remaining": .integer(unconfirmed.remaining),
                "canary": publication.mark.canonical,
            ]))
        try accept(publication, highWater: publication.mark)
        return files.leftover
    }

    /// Whose store this host follows.
    public func persist(identity: FleetIdentity) throws {
        try documents.identity.write(
            .object(["fleet": .string(identity.fleet), "id": .string(identity.id)]))
    }

    private func accept(_ publication: Publication, highWater: Mark) throws {
        let digest = try files.write(publication.generation)
        guard digest == publication.digest else {
            throw StateError(
                "persist", files.manifestPath,
                "its digest here is \(digest.prefix(12)), the store's is \(publication.digest.prefix(12))")
        }
        try documents.mark.write(highWater.canonical)
    }

    /// Notes what the kernel has been given, for those who look while the daemon is dead. It decides nothing.
    public func note(applied publication: Publication) throws {
        guard publication.mark != applied else { return }
        applied = nil
        do {
            _ = try appliedFiles.write(publication.generation)
        } catch {
            // Better no record than one of what is in force no more.
            try StateFolder.remove(appliedFiles.manifestPath)
            throw error
        }
        applied = publication.mark
    }

    public func persist(down: [BackendName: Int64]) throws {
        let entries = down.sorted { $0.key < $1.key }.map { name, since in
            CanonicalValue.object([
                "service": .string(name.service), "backend": .string(name.backend), "since": .integer(since),
            ])
        }
        try documents.down.write(.object(["down": .array(entries)]))
    }

    /// Changes the drains in one step and answers them, and which edit it was, when they are on disk.
    ///
    /// A throw leaves them as they were.
    public func editDrains(
        _ change: @Sendable ([Override]) throws -> [Override]
    ) throws -> (drains: [Override], edit: Int) {
        if let drainsAreUnknown { throw StateError("change", documents.drains.path, drainsAreUnknown) }
        let edited = try change(drains)
        try documents.drains.write(.object(["drains": .array(edited.map(\.canonical))]))
        drains = edited
        drainEdits += 1
        return (edited, drainEdits)
    }

    private static func restored(
        _ files: GenerationFiles, _ confirmed: GenerationFiles, _ documents: Documents
    ) -> Restored {
        var restored = Restored()
        func part<Value>(_ read: () throws -> Value?) -> Value? {
            do { return try read() } catch {
                restored.problems.append("\(error)")
                return nil
            }
        }
        restored.publication = part { try readWhole(files) }
        restored.highWater = part { try documents.mark.read { Mark($0) } }
        let down = part { try documents.down.read { $0["down"]?.elements(Self.downEntry) } }
        restored.down = Dictionary(down ?? []) { one, _ in one }
        restored.drains = part { try documents.drains.read { $0["drains"]?.elements { Override($0) } } } ?? []
        restored.identity = part { try documents.identity.read(Self.identity) }
        restored.unconfirmed = part { try documents.canary.read(Self.canary) }.flatMap { canary in
            var unconfirmed = canary.unconfirmed
            unconfirmed.fallback = part { try readWhole(confirmed) }
            // It may never have come to be what runs, or an earlier generation of it runs.
            guard let mark = restored.publication?.mark, !mark.isAbove(canary.mark),
                unconfirmed.fallback.map({ mark.isAbove($0.mark) }) ?? true
            else { return nil }
            return unconfirmed
        }
        return restored
    }

    private static func identity(_ value: CanonicalValue) -> FleetIdentity? {
        guard let fleet = value["fleet"]?.text, let id = value["id"]?.text else { return nil }
        return FleetIdentity(fleet: fleet, id: id)
    }

    private static func canary(_ value: CanonicalValue) -> (unconfirmed: Unconfirmed, mark: Mark)? {
        guard let rollout = value["rollout"]?.text, let remaining = value["remaining"]?.number,
            let mark = value["canary"].flatMap({ Mark($0) })
        else { return nil }
        return (Unconfirmed(rollout: rollout, remaining: remaining, fallback: nil), mark)
    }

    /// A blob may be gone because a daemon wrote the next generation meanwhile: then the next one is read.
    private static func readWhole(_ files: GenerationFiles) throws -> Publication? {
        for _ in 0..<3 {
            let before = try files.readManifest()?.digest
            do { return try files.read() } catch {
                if try files.readManifest()?.digest == before { throw error }
            }
        }
        return try files.read()
    }

    private static func downEntry(_ value: CanonicalValue) -> (BackendName, Int64)? {
        guard let name = BackendName(value), let since = value["since"]?.number else { return nil }
        return (name, since)
    }

    /// The small ones.
    private struct Documents {
        let mark: StateDocument
        let down: StateDocument
        let drains: StateDocument
        let canary: StateDocument
        let identity: StateDocument

        init(directory: String) {
            mark = StateDocument(
                path: "\(directory)/mark.json",
                remedy: "remove it: the generation that was accepted last takes its place")
            down = StateDocument(path: "\(directory)/down.json", remedy: "remove it: probes find out again")
            canary = StateDocument(
                path: "\(directory)/canary.json", remedy: "remove it: the fleet's next generation takes its place")
            identity = StateDocument(
                path: "\(directory)/identity.json",
                remedy: "remove it: the store that the configuration names is then taken for this host's")
            drains = StateDocument(
                path: "\(directory)/drains.json", remedy: "remove it, and drain again what should be drained")
        }
    }
}
