// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Coordination
import Foundation
import Storage

/// `sluicectl store backup FILE`.
struct StoreBackupCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backup",
        abstract: "Keep the whole store in one file, for root alone: the flow hash's secret is in it.")

    @Argument(help: "The file; one that is there is replaced.", completion: .file()) var file: String
    @OptionGroup var store: StoreOptions
    @OptionGroup var options: CommonOptions

    struct Answer: Encodable {
        var file: String
        var identity: String
        var epoch: UInt64
        var documents: Int
        var blobs: Int
        var bytes: Int
    }

    func run() async throws {
        let backup = try await store.fleetPlace(options).withStore {
            try await StoreBackup.take(from: $0, at: Int64(Date().timeIntervalSince1970))
        }
        let bytes = try backup.file()
        try AtomicFile.write(bytes, to: file, mode: 0o600)
        let answer = Answer(
            file: file, identity: backup.identity.description, epoch: backup.epoch, documents: backup.documents.count,
            blobs: backup.blobs.count, bytes: bytes.count)
        switch options.output {
        case .json: try printJSON(answer)
        case .table:
            Terminal.print(
                "\(file): \(answer.documents) documents, \(answer.blobs) blobs, epoch \(answer.epoch) of "
                    + "\(answer.identity), \(Units.bytes(UInt64(bytes.count)))\n")
        }
    }
}
