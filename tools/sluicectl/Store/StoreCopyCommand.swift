// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Coordination
import Foundation

/// `sluicectl store copy`: from one store into another, when a fleet moves.
struct StoreCopyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "copy",
        abstract: "Copy the store into another, empty one.",
        discussion: """
            To move a fleet: sluicectl freeze; sluicectl store copy --to URL; name the new store in every host's \
            sluiced.yaml and restart sluiced; sluicectl thaw. Hosts go on forwarding all the time.
            """)

    @Option(help: .init("The other store: etcd://10.0.0.1:2379 and so on.", valueName: "url"))
    var to: String

    @Option(help: .init("The user of the other store.", valueName: "name")) var toUser: String?
    @Option(help: .init("A file with that user's password.", valueName: "file")) var toPasswordFile: String?
    @Option(help: .init("A file with Consul's token.", valueName: "file")) var toTokenFile: String?
    @Option(help: .init("The authority of its certificate.", valueName: "file")) var toCa: String?

    @OptionGroup var store: StoreOptions
    @OptionGroup var options: CommonOptions

    struct Answer: Encodable {
        var from: String
        var to: String
        var identity: String
        var epoch: UInt64
        var documents: Int
        var blobs: Int
    }

    func run() async throws {
        let place = try store.fleetPlace(options)
        let tls = toCa.map { StoreTLS(authorityFile: $0) }
        let credentials = StoreCredentials(
            user: toUser, passwordFile: toPasswordFile, tokenFile: toTokenFile, tls: tls)
        let target = StorePlace(location: try StoreLocation(to, as: credentials), fleet: place.fleet)
        let (backup, from) = try await place.withStore { store in
            (try await StoreBackup.take(from: store, at: Int64(Date().timeIntervalSince1970)), store.place)
        }
        let (restored, destination) = try await target.withStore { store in
            (try await backup.restore(into: store), store.place)
        }
        let answer = Answer(
            from: from, to: destination, identity: restored.identity.description, epoch: restored.epoch,
            documents: backup.documents.count, blobs: backup.blobs.count)
        switch options.output {
        case .json: try printJSON(answer)
        case .table:
            Terminal.print(
                "\(from) is copied to \(destination): \(answer.documents) documents, \(answer.blobs) blobs; it is "
                    + "\(answer.identity) there, above epoch \(answer.epoch)\n")
        }
    }
}
