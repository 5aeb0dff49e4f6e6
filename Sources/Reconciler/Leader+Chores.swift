// SPDX-License-Identifier: Apache-2.0

import Model

/// What a leader tidies up beside publishing: one chore at a time, begun when there is nothing to publish, and none
/// keeps a publication waiting, neither while it lasts nor when it fails.
enum Chore: Hashable, Sendable, CaseIterable {
    /// Write down which document made which generation.
    case record
    /// Remove the exceptions of people whose time is over.
    case expire
    /// Remove blobs that nobody names.
    case sweep

    /// Nil of a document that a rollout waits for.
    init?(writing key: FleetKey) {
        switch key {
        case .history: self = .record
        case .override: self = .expire
        case .desired, .rollout, .host: return nil
        }
    }
}

/// Chores and how they went.
struct Chores: Sendable {
    /// The one that is under way.
    private(set) var current: Chore?
    private(set) var problems: [Chore: String] = [:]
    private var backOffs: [Chore: BackOff] = [:]

    /// When one of those that failed may be tried again.
    func wake(after uptime: Duration) -> Duration? {
        backOffs.values.compactMap(\.notBefore).filter { $0 > uptime }.min()
    }

    func allows(_ chore: Chore, at uptime: Duration) -> Bool { backOffs[chore]?.allows(at: uptime) ?? true }

    mutating func begin(_ chore: Chore) { current = chore }

    mutating func succeeded() {
        guard let done = current else { return }
        current = nil
        (problems[done], backOffs[done]) = (nil, nil)
    }

    mutating func failed(_ cause: String, at uptime: Duration) {
        guard let failed = current else { return }
        current = nil
        problems[failed] = cause
        backOffs[failed, default: BackOff(first: .seconds(5), longest: .seconds(300))].failed(at: uptime)
    }

    /// Somebody else has written it: to be looked at anew, which is no fault.
    mutating func dropped() { current = nil }
}

/// Which documents made which generations: what should be written down, and what is.
struct Record: Sendable {
    var document: HistoryDocument
    var stored: HistoryDocument
    /// Of the stored one's bytes; nil where there is none.
    var digest: String?

    init(stored: HistoryDocument, digest: String?) {
        document = stored
        self.stored = stored
        self.digest = digest
    }

    mutating func wrote(_ written: HistoryDocument, digest: String?) { (stored, self.digest) = (written, digest) }

    /// The document as somebody else has written it, with what was not written down yet.
    mutating func read(_ found: HistoryDocument, digest: String?) {
        let missing = document.entries.filter { !stored.entries.contains($0) }
        (stored, document, self.digest) = (found, found, digest)
        let last = found.entries.last?.number ?? 0
        for entry in missing where entry.number > last { document.note(entry) }
    }
}

extension Leader {
    mutating func nextChore(in epoch: UInt64, at now: Moment) -> Action? {
        guard chores.current == nil else { return nil }
        for chore in Chore.allCases where chores.allows(chore, at: now.uptime) {
            let action: Action? =
                switch chore {
                case .record: record(in: epoch, at: now)
                case .expire: expire(at: now)
                case .sweep: sweep()
                }
            guard let action else { continue }
            chores.begin(chore)
            return action
        }
        return nil
    }

    /// A chore's answer, or the end of a leadership.
    mutating func endChore(_ end: (inout Chores) -> Void) {
        end(&chores)
        // What is unnamed is found again, as of then.
        (unnamed, deleting, written) = ([], [], nil)
    }

    // MARK: - Blobs

    private mutating func sweep() -> Action? {
        // Asked at each decision, while `named` hashes all that the fleet has.
        guard !unnamed.isEmpty, !rollout.isUnreadable else { return nil }
        let over = unnamed.subtracting(named)
        guard !over.isEmpty else { return nil }
        deleting = over
        return .deleteBlobs(over)
    }

    /// The digests of all that this leader knows to be in use.
    var named: Set<String> {
        var named = (previous?.blobs ?? []).union(canaryLine?.blobs ?? [])
        named.formUnion(history?.document.entries.map(\.desired) ?? [])
        // Not in the history before it is published.
        named.formUnion([desiredDigest, desired?.digest, proposed?.digest].compactMap(\.self))
        if let rollout = rollout.document.rollout {
            named.formUnion([rollout.to, rollout.from, rollout.canary?.digest].compactMap(\.self))
        }
        return named
    }

    /// Whether a generation needs what is being deleted: it would be written before that, and be gone after it.
    func isDeleting(from generation: Generation) -> Bool {
        !deleting.isEmpty && !deleting.isDisjoint(with: Publication(of: generation).blobs)
    }

    // MARK: - Documents

    /// An exception whose time is over is removed; it has no effect any more anyhow.
    private func expire(at now: Moment) -> Action? {
        let over = exceptions.filter { id, one in
            isOpen(.override(id)) && (one.override.expiry.map { $0 <= now.utc } ?? false)
        }
        guard let first = over.min(by: { $0.key < $1.key }) else { return nil }
        return .write(nil, to: .override(first.key), expecting: .digest(first.value.digest))
    }

    private mutating func record(in epoch: UInt64, at now: Moment) -> Action? {
        guard isOpen(.history) else { return nil }
        noteUnchanged(in: epoch, at: now)
        guard let history, history.document != history.stored else { return nil }
        written = history.document
        return .write(
            history.document.bytes, to: .history, expecting: history.digest.map { .digest($0) } ?? .nothing)
    }

    /// Which document made the generation that is published.
    mutating func noteMade() {
        guard let previous, let desired, let wished = desired.digest, let applied = desired.document,
            history?.document.entries.last?.desired != wished
        else { return }
        history?.document.note(
            .init(
                number: previous.mark.number, desired: wished, version: applied.version, author: applied.author,
                at: applied.at))
    }

    /// A document that changes nothing has made the generation that is there as much as the one before it.
    private mutating func noteUnchanged(in epoch: UInt64, at now: Moment) {
        guard let previous, previous.mark.epoch == epoch, stored == previous.mark, proposed == nil, let desired,
            history?.document.entries.last?.desired != desired.digest
        else { return }
        // One that waits for its turn to be published has made nothing yet.
        do { guard try generation(of: desired, in: epoch, at: now) == nil else { return } } catch { return }
        noteMade()
    }
}
