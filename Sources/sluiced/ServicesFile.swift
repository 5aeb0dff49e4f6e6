// SPDX-License-Identifier: Apache-2.0

import Admin
import Documents
import Glibc
import Logging
import Model
import Reconciler

/// The services document of a host without a store: proposed at start, on SIGHUP, and when the file changes.
actor ServicesFile {
    private let path: String
    private let reconciler: Reconciler
    private let logger: Logger
    private var seen: Stamp?
    private var proposed: DesiredState?

    /// How often the file is looked at. A look is one stat(2).
    private static let interval = Duration.seconds(1)

    init(path: String, reconciler: Reconciler, logger: Logger) {
        self.path = path
        self.reconciler = reconciler
        self.logger = logger
    }

    /// Follows the file until cancelled.
    func run() async throws {
        await withDiscardingTaskGroup { group in
            group.addTask { await self.followChanges() }
            group.addTask { await self.followSignals() }
        }
    }

    /// Reads the document and proposes it. Throws `Configuration.Problems` or `ValidationError`; what runs goes on.
    func reload() async throws -> ReloadAnswer {
        seen = Stamp(of: path)
        do {
            let document = try ServicesDocument.load(path: path)
            try await reconciler.propose(document.desired)
            let answer = ReloadAnswer(
                changed: document.desired != proposed, warnings: document.warnings.map(\.description))
            if answer.changed { logger.info("services read", metadata: ["file": "\(path)"]) }
            proposed = document.desired
            return answer
        } catch let problems as Problems {
            await reconciler.reject(problems.list.map(\.description))
            throw problems
        }
    }

    private func followChanges() async {
        await reloadAndLog()
        var last = seen
        while !Task.isCancelled {
            do { try await Task.sleep(for: Self.interval) } catch { return }
            // Two looks that are alike: nobody is writing it any more.
            let stamp = Stamp(of: path)
            if stamp != seen, stamp == last { await reloadAndLog() }
            last = stamp
        }
    }

    private func followSignals() async {
        await Reload.follow {
            logger.info("reload asked for", metadata: ["by": "SIGHUP"])
            await reloadAndLog()
        }
    }

    private func reloadAndLog() async {
        do {
            let answer = try await reload()
            for warning in answer.warnings { logger.warning("services document", metadata: ["warning": "\(warning)"]) }
        } catch {
            // The reconciler logs what is wrong, and its status names it until it is mended.
            logger.error("services document refused; what was running goes on", metadata: ["file": "\(path)"])
        }
    }
}

/// Follows the file, where there is one, until cancelled.
func follow(_ file: ServicesFile?) async throws {
    if let file { try await file.run() } else { try await forever(holding: file) }
}

/// Tells one state of a file from another: where it lies, its length and when it changed.
private struct Stamp: Equatable {
    private let inode: UInt64
    private let size: Int64
    private let seconds: Int
    private let nanoseconds: Int

    /// Of a missing file: all zero.
    init(of path: String) {
        var status = stat()
        if stat(path, &status) != 0 { status = stat() }
        inode = UInt64(status.st_ino)
        size = Int64(status.st_size)
        seconds = status.st_mtim.tv_sec
        nanoseconds = status.st_mtim.tv_nsec
    }
}
