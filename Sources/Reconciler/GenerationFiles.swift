// SPDX-License-Identifier: Apache-2.0

import Model
import Storage

/// A generation in a directory: a manifest, and a blob a service that is named by its digest.
///
/// The manifest is written last and in one step, so that what can be read is always a whole generation: the one before
/// or the new one.
struct GenerationFiles {
    let directory: String
    let manifestPath: String
    /// Other manifests in the directory, whose blobs are kept too.
    private let otherManifests: [String]
    /// What a person does when it cannot be read.
    let remedy: String
    /// Why what nobody names could not be removed, in one line; nil where all was. It is tried again at the next write.
    private(set) var leftover: String?
    /// Blobs that are known to lie there whole, by the service's name.
    private var written: [String: (service: PlacedService, digest: String)] = [:]

    init(directory: String, manifest: String, beside others: [String] = [], remedy: String) throws {
        self.directory = directory
        self.remedy = remedy
        manifestPath = "\(directory)/\(manifest)"
        otherManifests = others.map { "\(directory)/\($0)" }
        try StateFolder.makeDirectory(directory)
        try StateFolder.makeDirectory("\(directory)/blobs")
    }

    /// Only to look.
    init(reading directory: String, manifest: String) {
        self.directory = directory
        manifestPath = "\(directory)/\(manifest)"
        otherManifests = []
        remedy = "start sluiced, which writes it anew"
    }

    /// Writes what is not there yet, then the manifest; answers its digest. A throw leaves the previous one in place.
    mutating func write(_ generation: Generation) throws -> String {
        do {
            return try writeAll(generation)
        } catch {
            // On a full disk what was written of the new one is in the way of the next try.
            written = [:]
            removeUnnamed()
            throw error
        }
    }

    private mutating func writeAll(_ generation: Generation) throws -> String {
        var kept: [String: (service: PlacedService, digest: String)] = [:]
        for service in generation.services {
            let name = service.service.name
            if let known = written[name], known.service == service {
                kept[name] = known
            } else {
                kept[name] = (service, try writeBlob(service))
            }
        }
        let bytes = generation.manifestBytes(digests: kept.mapValues(\.digest))
        try AtomicFile.write(bytes, to: manifestPath, mode: 0o600)
        written = kept
        removeUnnamed()
        return Digest.sha256hex(bytes)
    }

    /// There is none any more; its blobs go with the next write.
    mutating func remove() throws {
        try StateFolder.remove(manifestPath)
        written = [:]
    }

    /// The whole generation, each digest proved; nil where there is none.
    func read() throws -> Publication? {
        guard let (manifest, digest) = try readManifest() else { return nil }
        let services = try manifest.services.map { try readBlob($0.digest, of: $0.name) }
        do {
            return Publication(generation: try Generation(manifest, services: services), digest: digest)
        } catch {
            throw StateError("read", manifestPath, "\(error)", remedy: remedy)
        }
    }

    /// What is current, without its services.
    func readManifest() throws -> (manifest: Generation.Manifest, digest: String)? {
        try readManifest(manifestPath)
    }

    private func readManifest(_ path: String) throws -> (manifest: Generation.Manifest, digest: String)? {
        guard let bytes = try AtomicFile.readIfPresent(path) else { return nil }
        do {
            try refuseNewer(CanonicalValue(parsing: bytes), path)
            return (try Generation.Manifest(bytes), Digest.sha256hex(bytes))
        } catch let error as CanonicalError {
            throw StateError("read", path, "half-written or damaged: \(error)", remedy: remedy)
        }
    }

    private func refuseNewer(_ value: CanonicalValue, _ path: String) throws {
        guard let schema = value["schema"]?.number, schema > Generation.schema else { return }
        throw StateError(
            "read", path,
            "written by a newer version of sluiced (schema \(schema), this one knows \(Generation.schema))",
            remedy: "install that version again")
    }

    private func readBlob(_ digest: String, of name: String) throws -> PlacedService {
        let path = blobPath(digest)
        guard let bytes = try AtomicFile.readIfPresent(path) else {
            throw StateError("read", path, "the blob of service \(name) is missing", remedy: remedy)
        }
        guard Digest.sha256hex(bytes) == digest else {
            throw StateError(
                "read", path, "half-written or damaged: the digest of service \(name) differs", remedy: remedy)
        }
        do {
            return try PlacedService(canonical: bytes)
        } catch {
            throw StateError("read", path, "service \(name): \(error)", remedy: remedy)
        }
    }

    private func writeBlob(_ service: PlacedService) throws -> String {
        let bytes = service.canonicalBytes
        let digest = Digest.sha256hex(bytes)
        // What lies there under this name may be damaged: only the same bytes are left alone.
        guard try AtomicFile.readIfPresent(blobPath(digest)) != bytes else { return digest }
        try AtomicFile.write(bytes, to: blobPath(digest), mode: 0o600)
        return digest
    }

    /// A blob that no manifest names is nobody's. What cannot be removed now is so after the next write.
    private mutating func removeUnnamed() {
        leftover = nil
        do {
            let manifests = try ([manifestPath] + otherManifests).compactMap { try readManifest($0)?.manifest }
            let named = Set(manifests.flatMap(\.services).map { "\($0.digest).json" })
            for file in try StateFolder.list("\(directory)/blobs") where !named.contains(file) {
                try StateFolder.remove("\(directory)/blobs/\(file)")
            }
        } catch {
            leftover = "blobs that no generation names stay: \(error)"
        }
    }

    private func blobPath(_ digest: String) -> String { "\(directory)/blobs/\(digest).json" }
}
