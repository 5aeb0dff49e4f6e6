// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Coordination
import Foundation
import Model
import Reconciler
import Storage

/// `sluicectl store restore FILE`, `--from HOST`, `--new`: what a lost store is brought back with.
struct StoreRestoreCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restore",
        abstract: "Put a backup, or what a host has of its fleet, into an empty store, under a new identity.",
        discussion: """
            Epochs begin above all that the backup, and this host's state directory, have seen; --above where others \
            have seen more. --from needs the state of a host: its own name on that host, or a copy of its directory. A \
            generation is all that a host keeps: apply services.yaml again afterwards.
            """)

    @Argument(help: "A file that 'store backup' wrote.", completion: .file()) var file: String?

    @Option(help: .init("This host's name, or a state directory.", valueName: "host"))
    var from: String?

    @Flag(help: "The fleet is new: nothing is put back, the store gets its identity.")
    var new = false

    @Option(help: .init("An epoch that any host has seen.", valueName: "epoch"))
    var above: UInt64 = 0

    @OptionGroup var store: StoreOptions
    @OptionGroup var options: CommonOptions

    struct Answer: Encodable {
        var identity: String
        var epoch: UInt64
        var documents: Int
        var blobs: Int
        var leader: String?
    }

    func validate() throws {
        let ways = [file != nil, from != nil, new].count { $0 }
        guard ways == 1 else {
            throw ArgumentParser.ValidationError("say one of: FILE, --from HOST, --new")
        }
    }

    func run() async throws {
        let place = try store.fleetPlace(options)
        let floor = max(above, try seenHere())
        guard let backup = try source(fleet: place.fleet) else { return try await found(place, above: floor) }
        let isForeign = backup.identity.fleet != place.fleet
        if isForeign {
            throw Failure(
                .failed, "the backup is of fleet \(backup.identity.fleet), the store of \(place.fleet)",
                remedy: "name the fleet that is meant:  --fleet \(backup.identity.fleet)")
        }
        let restored = try await place.withStore { try await backup.restore(into: $0, above: floor) }
        let answer = Answer(
            identity: restored.identity.description, epoch: restored.epoch, documents: backup.documents.count,
            blobs: backup.blobs.count, leader: restored.leader?.host)
        switch options.output {
        case .json: try printJSON(answer)
        case .table: Terminal.print(text(answer, backup))
        }
    }

    private func found(_ place: StorePlace, above floor: UInt64) async throws {
        let view = try await place.withStore { store in
            if let known = try await store.identity() {
                throw StoreError.refused(
                    place: store.place, operation: "begin a new fleet", cause: "it is \(known)'s already")
            }
            _ = try await store.found(above: floor)
            return try await store.view()
        }
        let answer = Answer(
            identity: view.identity?.description ?? "", epoch: view.epoch, documents: 0, blobs: 0, leader: nil)
        switch options.output {
        case .json: try printJSON(answer)
        case .table: Terminal.print("the store is \(answer.identity) now; next: sluicectl apply services.yaml\n")
        }
    }

    private func text(_ answer: Answer, _ backup: StoreBackup) -> String {
        var text =
            "the store is \(answer.identity) now: \(Units.counted(answer.documents, "document")), "
            + "\(Units.counted(answer.blobs, "blob")); "
            + "who leads next does so above epoch \(answer.epoch)\n"
        if let leader = answer.leader { text += "\(leader) leads already and publishes what it has itself\n" }
        return text + next(backup)
    }

    /// What a person wrote after the backup is not in it; and of a host none of what a person wrote.
    private func next(_ backup: StoreBackup) -> String {
        let apply = "next: sluicectl apply services.yaml"
        guard let desired = backup.documents[.desired] else {
            return "no host keeps the services document: what was published is published again, and changes wait; "
                + apply + "\n"
        }
        do {
            let document = try DesiredDocument(bytes: desired.bytes)
            return apply
                + ", if it is newer than version \(document.version) by \(document.author), which is in force\n"
        } catch {
            return apply + ": the services document in the backup cannot be read: \(error)\n"
        }
    }

    private func source(fleet: String) throws -> StoreBackup? {
        if let file {
            return try StoreBackup(file: try AtomicFile.read(file, limit: 1 << 30), path: file)
        }
        guard let from else { return nil }
        let kept = HostState.look(at: try directory(of: from))
        guard let publication = kept.publication else {
            let cause = kept.problems.first ?? "no generation was applied there"
            throw Failure(.failed, "\(from): \(cause)", remedy: "take another host's")
        }
        let generation = publication.generation
        return StoreBackup(
            fleet: fleet, taken: Int64(Date().timeIntervalSince1970),
            epoch: max(generation.epoch, kept.highWater?.epoch ?? 0), current: try manifest(of: publication),
            blobs: generation.services.map(\.canonicalBytes))
    }

    private func manifest(of publication: Publication) throws -> [UInt8] {
        let generation = publication.generation
        let digests = generation.services.map { ($0.service.name, Digest.sha256hex($0.canonicalBytes)) }
        let bytes = generation.manifestBytes(digests: Dictionary(digests) { one, _ in one })
        guard Digest.sha256hex(bytes) == publication.digest else {
            throw Failure(.failed, "\(generation): its digest is another than the host wrote down")
        }
        return bytes
    }

    private func directory(of name: String) throws -> String {
        if name.contains("/") { return name }
        let host = try options.host()
        guard name == host.host else {
            throw Failure(
                .usage, "\(name) is not this host (\(host.host)), and a host's state lies on it alone",
                remedy: "on \(name):  sluicectl store restore --from \(name)")
        }
        try Reach.check(host.directories.state)
        return host.directories.state
    }

    /// The highest epoch in this host's state directory; 0 where there is none, or none may be looked into.
    private func seenHere() throws -> UInt64 {
        let host: String
        do { host = try options.host().directories.state } catch {
            // A store that is named on the command line needs no configuration.
            guard store.store != nil else { throw error }
            return 0
        }
        let kept = HostState.look(at: host)
        return max(kept.highWater?.epoch ?? 0, kept.publication?.generation.epoch ?? 0)
    }
}
