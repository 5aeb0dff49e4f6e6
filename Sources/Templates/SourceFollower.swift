// SPDX-License-Identifier: Apache-2.0

import Glibc
import Model
import Storage

/// Follows the files that templates lie in.
struct SourceFollower: Sendable {
    let paths: Set<String>
    let board: KnowledgeBoard

    /// A look is one stat(2) a file.
    private static let interval = Duration.seconds(1)

    private struct Stamp: Equatable {
        var numbers: [Int] = []

        init(_ path: String) {
            var status = stat()
            guard fstatat(AT_FDCWD, path, &status, 0) == 0 else { return }
            numbers = [
                Int(status.st_ino), Int(status.st_size), status.st_mtim.tv_sec, status.st_mtim.tv_nsec,
            ]
        }
    }

    /// Until the task is cancelled.
    func run() async {
        var taken: [String: Stamp] = [:]
        var seen: [String: Stamp] = [:]
        while !paths.isEmpty {
            for path in paths {
                let stamp = Stamp(path)
                defer { seen[path] = stamp }
                // Two looks that are alike: nobody is writing it any more. The first look is believed.
                guard stamp != taken[path], taken[path] == nil || stamp == seen[path] else { continue }
                taken[path] = stamp
                let text = Self.read(path)
                board.update { $0.files[path] = text }
            }
            do {
                try await Task.sleep(for: Self.interval)
            } catch {
                return
            }
        }
    }

    private static func read(_ path: String) -> Knowledge.Text {
        do {
            let bytes = try AtomicFile.read(path, limit: Template.bytesMax)
            return String(validating: bytes, as: UTF8.self).map { .content($0) }
                ?? .unreadable("read \(path): it is no UTF-8 text")
        } catch {
            return .unreadable("\(error)")
        }
    }
}
