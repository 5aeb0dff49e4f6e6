// SPDX-License-Identifier: Apache-2.0

import Model
import Storage

/// Which generation: its pair of numbers, and the digest that tells two of one pair apart.
public struct Mark: Hashable, Sendable, CustomStringConvertible {
    public let epoch: UInt64
    public let number: UInt64
    /// SHA-256 of the manifest's canonical bytes, hexadecimal.
    public let digest: String

    public init(epoch: UInt64, number: UInt64, digest: String) {
        self.epoch = epoch
        self.number = number
        self.digest = digest
    }

    /// The epoch decides, then the number: a generation of a deposed leader is below all of its successor's.
    public func isAbove(_ other: Mark) -> Bool { (epoch, number) > (other.epoch, other.number) }

    /// The same pair with another digest: two publishers took each other's place.
    public func forks(from other: Mark) -> Bool {
        epoch == other.epoch && number == other.number && digest != other.digest
    }

    public var description: String { "\(epoch).\(number) (\(digest.prefix(12)))" }
}

/// A generation as a store holds it: with the digest of its manifest.
public struct Publication: Hashable, Sendable {
    public let generation: Generation
    public let digest: String

    public init(generation: Generation, digest: String) {
        self.generation = generation
        self.digest = digest
    }

    /// With the digest that every store finds for it.
    public init(of generation: Generation) {
        let digests = generation.services.map { ($0.service.name, Digest.sha256hex($0.canonicalBytes)) }
        let bytes = generation.manifestBytes(digests: Dictionary(uniqueKeysWithValues: digests))
        self.init(generation: generation, digest: Digest.sha256hex(bytes))
    }

    /// What a host runs that runs nothing yet; below all that is ever published.
    static let nothing = Publication(of: Generation(epoch: 0, number: 0, seed: 0))

    public var mark: Mark { Mark(epoch: generation.epoch, number: generation.number, digest: digest) }
}

/// A backend as people and probes name it; its id changes with its address, its name does not.
public struct BackendName: Hashable, Comparable, Sendable, CustomStringConvertible {
    public let service: String
    public let backend: String

    public init(service: String, backend: String) {
        self.service = service
        self.backend = backend
    }

    public static func < (one: BackendName, other: BackendName) -> Bool {
        (one.service, one.backend) < (other.service, other.backend)
    }

    public var description: String { "\(service)/\(backend)" }
}

/// The time as a machine is told it, which holds no clock of its own.
public struct Moment: Hashable, Sendable {
    /// UTC, seconds since 1970: for what is written into documents. It may jump.
    public let utc: Int64
    /// Since some start; never jumps: for pacing and back-off.
    public let uptime: Duration

    public init(utc: Int64, uptime: Duration) {
        self.utc = utc
        self.uptime = uptime
    }
}
