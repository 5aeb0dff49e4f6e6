// SPDX-License-Identifier: Apache-2.0

extension Facts {
    /// Which generation: `3.17` for number 17 of epoch 3.
    public struct GenerationMark: Hashable, Sendable, CustomStringConvertible {
        public var epoch: UInt64
        public var number: UInt64

        public init(epoch: UInt64, number: UInt64) {
            self.epoch = epoch
            self.number = number
        }

        public var description: String { "\(epoch).\(number)" }
    }

    /// What the daemon of this host answered.
    public enum Daemon: Hashable, Sendable {
        case runs(Status)
        /// Nobody answers, and why.
        case silent(String)
        /// It does not talk to who asks, and why.
        case refuses(String)

        public struct Status: Hashable, Sendable {
            public var version: String
            public var processID: Int32
            public var applied: GenerationMark?
            /// Services whose brake holds back what probes see down.
            public var isolated: [String]
            /// By interface: `native`, `generic` or `none`, and why it is not native.
            public var interfaces: [String: Attachment]
            public var problems: [String]
            public var warnings: [String]

            public init(
                version: String, processID: Int32, applied: GenerationMark? = nil, isolated: [String] = [],
                interfaces: [String: Attachment] = [:], problems: [String] = [], warnings: [String] = []
            ) {
                self.version = version
                self.processID = processID
                self.applied = applied
                self.isolated = isolated
                self.interfaces = interfaces
                self.problems = problems
                self.warnings = warnings
            }
        }

        public struct Attachment: Hashable, Sendable {
            public var mode: String
            public var reason: String?

            public init(mode: String, reason: String? = nil) {
                self.mode = mode
                self.reason = reason
            }
        }

        var status: Status? {
            if case .runs(let status) = self { return status }
            return nil
        }
    }

    /// A folder that the daemon writes to.
    public struct Directory: Hashable, Sendable {
        public var path: String
        public var exists: Bool
        /// Why it cannot be written to; nil where it can.
        public var refusal: String?
        public var freeBytes: UInt64
        /// Files that can still be made; nil where the file system sets no limit.
        public var freeFiles: UInt64?

        public init(
            path: String, exists: Bool = true, refusal: String? = nil, freeBytes: UInt64, freeFiles: UInt64? = nil
        ) {
            self.path = path
            self.exists = exists
            self.refusal = refusal
            self.freeBytes = freeBytes
            self.freeFiles = freeFiles
        }
    }
}
