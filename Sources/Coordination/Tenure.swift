// SPDX-License-Identifier: Apache-2.0

/// Whose store it is: compared, never ordered.
public struct StoreIdentity: Hashable, Sendable, CustomStringConvertible {
    public let fleet: String
    /// Random, given when the store was made.
    public let id: String

    public init(fleet: String, id: String) {
        self.fleet = fleet
        self.id = id
    }

    static func random(fleet: String) -> StoreIdentity { StoreIdentity(fleet: fleet, id: RandomName.make()) }

    /// As it lies in the store: `<fleet> <id>`.
    public var description: String { "\(fleet) \(id)" }

    init?(_ text: some StringProtocol) {
        let parts = text.split(separator: " ")
        guard parts.count == 2 else { return nil }
        self.init(fleet: String(parts[0]), id: String(parts[1]))
    }
}

/// Who holds a lock, in one tenure: the host's name for people, and 128 random bits, so that a machine's copy, and the
/// same host's next try, are others.
public struct HolderToken: Hashable, Sendable, CustomStringConvertible {
    public let text: String

    /// A new token. Characters that would be trouble in a key or a script become `_`.
    public init(host: String) {
        let safe = host.prefix(64).map { KeyPart.allows($0) ? $0 : "_" }
        text = String(safe) + "." + RandomName.make()
    }

    init(text: String) { self.text = text }

    public var host: String { text.lastIndex(of: ".").map { String(text[..<$0]) } ?? text }

    public var description: String { text }
}

/// A leadership, or one holding of a lock, as the store knows it: what every fenced write is compared with.
public struct Tenure: Hashable, Sendable {
    public let lock: LockName
    /// The fencing token: above that of every tenure before it.
    public let epoch: UInt64
    public let token: HolderToken
    public let store: StoreIdentity

    public init(lock: LockName, epoch: UInt64, token: HolderToken, store: StoreIdentity) {
        self.lock = lock
        self.epoch = epoch
        self.token = token
        self.store = store
    }

    /// As it lies in the store beside the lock, never leased: `<epoch> <token>`.
    var record: EpochRecord { EpochRecord(epoch: epoch, token: token) }
}

/// The number of the latest tenure and its token.
struct EpochRecord: Hashable, Sendable, CustomStringConvertible {
    let epoch: UInt64
    let token: HolderToken

    /// Of a store that begins above this; nil where that is nothing. Nobody holds its token.
    static func founding(above floor: UInt64) -> EpochRecord? {
        floor == 0 ? nil : EpochRecord(epoch: floor, token: HolderToken(host: "founded"))
    }

    init(epoch: UInt64, token: HolderToken) {
        self.epoch = epoch
        self.token = token
    }

    init?(_ text: some StringProtocol) {
        let parts = text.split(separator: " ")
        guard parts.count == 2, let epoch = UInt64(parts[0]) else { return nil }
        self.init(epoch: epoch, token: HolderToken(text: String(parts[1])))
    }

    var description: String { "\(epoch) \(token)" }
}

/// A lock's name: the fleet's leader, or any other.
public struct LockName: Hashable, Sendable, CustomStringConvertible {
    /// Nil for the leader's.
    let name: String?

    /// Who has it may publish.
    public static let leader = LockName()

    private init() { name = nil }

    /// As it was written: the leader's is empty.
    init(stored: String) { name = stored.isEmpty ? nil : stored }

    /// Throws `StoreError.name` for what cannot be part of a key.
    public init(_ name: String) throws { self.name = try KeyPart.checked(name) }

    /// Where the holder's token lies, below the fleet's prefix; leased.
    var holderPath: String { name.map { "lock/\($0)/holder" } ?? "leader" }
    /// Where the epoch record lies; never leased, never deleted.
    var epochPath: String { name.map { "lock/\($0)/epoch" } ?? "epoch" }

    /// The name of the lock whose epoch lies there; nil for any other path, the leader's included.
    static func name(ofEpochPath path: some StringProtocol) -> String? {
        let parts = path.split(separator: "/")
        return parts.count == 3 && parts[0] == "lock" && parts[2] == "epoch" ? String(parts[1]) : nil
    }

    public var description: String { name ?? "leader" }
}

/// The store's answer to who wants a lock.
public enum Acquisition: Hashable, Sendable {
    case won(Tenure)
    case held(by: HolderToken, epoch: UInt64)
}

/// The store's answer to a renewal.
public enum Renewal: Hashable, Sendable {
    case renewed
    /// The lease ran out, or the lock is another's: it will not come back.
    case lost
}

/// A lock as it is now.
public struct LockStatus: Hashable, Sendable {
    public var holder: HolderToken?
    /// Of the latest holding, also when the lock is free; 0 where it never was taken.
    public var epoch: UInt64

    public init(holder: HolderToken?, epoch: UInt64) {
        self.holder = holder
        self.epoch = epoch
    }
}
