// SPDX-License-Identifier: Apache-2.0

import Model

/// What was found at the start.
public struct StartReport: Hashable, Sendable {
    /// Pins of an earlier process that go on serving.
    public let adopted: [String]
    /// The program that runs, nil where none does.
    public let program: ProgramReport?
    /// Why pins that are there could not be adopted.
    public let note: String?

    /// `adopted 11 pins`, or `no pins found`.
    public var summary: String { adopted.isEmpty ? "no pins found" : "adopted \(adopted.count) pins" }
}

public struct ProgramReport: Hashable, Sendable, CustomStringConvertible {
    /// Hexadecimal.
    public let digest: String
    public let features: Features
    public let isPrebuilt: Bool

    init(_ loaded: LoadedProgram) {
        digest = loaded.digest
        features = loaded.features
        isPrebuilt = loaded.isPrebuilt
    }

    /// `program 1f3a (IPv4, IPIP, tracking)`.
    public var description: String { "program \(digest.prefix(4)) (\(isPrebuilt ? "prebuilt: " : "")\(features))" }
}

/// What putting a generation in force did.
public struct ApplyReport: Hashable, Sendable {
    public struct Changes: Hashable, Sendable {
        public var services = 0
        public var slots = 0
        public var backends = 0
        public var hasFlipped = false
    }

    public let epoch: UInt64
    public let number: UInt64
    public let program: ProgramReport
    public let attachments: [AttachmentReport]
    /// The interfaces that have a place in the kernel: those that were asked for, less clashes.
    public let steered: [NetworkInterface]
    public let changes: Changes
    /// Services whose brake holds the down set back.
    public let isolated: [String]
    /// What a person should know though nothing failed, in one line each.
    public let notes: [String]
    /// False where something of the maps was left out that may succeed later; the notes say what.
    public let isComplete: Bool
    /// Time spent on the tables, on all else of the image and plan, and on the stores.
    public let imaging: Duration
    public let planning: Duration
    public let storing: Duration
}

public struct DataplaneStatus: Hashable, Sendable {
    public let bpfRoot: String
    public let program: ProgramReport?
    public let attachments: [AttachmentReport]
    /// The generation in force, if this process put it there.
    public let epoch: UInt64?
    public let number: UInt64?
    public let isolated: [String]
    /// Services with unsettled slots.
    public let unsettled: [String]
    /// Whether removals of the last change are still to be done.
    public let hasPending: Bool
    public let notes: [String]
}
