// SPDX-License-Identifier: Apache-2.0

/// Why a store could not do what was asked: one line, with what a person does about it where there is something.
public enum StoreError: Error, Hashable, Sendable, CustomStringConvertible {
    /// It has no identity: new, wiped, or the wrong one. Nobody leads until a person says so.
    case empty(place: String)
    /// It belongs to another fleet.
    case foreign(place: String, fleet: String, found: String)
    /// No answer, or an answer that only another try can better.
    case unreachable(place: String, operation: String, cause: String)
    /// A write was sent and no answer came; reading again did not show it. It may still land.
    case unknown(place: String, operation: String, cause: String)
    /// The store does not know these credentials, or does not permit them this.
    case denied(place: String, operation: String, cause: String)
    /// It answered, and what it says stands against us: full, read-only, an unreadable record.
    case refused(place: String, operation: String, cause: String)
    /// A blob's bytes have another digest than its name.
    case damaged(place: String, digest: String)
    /// A name that cannot be part of a key.
    case name(String)
    /// A file with a secret, a certificate or a key is missing, for everybody to read, or not what it should be.
    case credentials(String)
    /// Settings that contradict each other or cannot be read.
    case settings(String)

    /// Whether the same call may succeed by itself a little later.
    public var isTransient: Bool {
        switch self {
        case .unreachable, .unknown: true
        default: false
        }
    }

    public var description: String {
        switch self {
        case .empty(let place):
            "\(place): the store is empty; if the fleet is new: sluicectl store restore --new, "
                + "if it was lost: sluicectl store restore --from HOST"
        case .foreign(let place, let fleet, let found):
            "\(place): the store belongs to fleet \(found), this host to \(fleet)"
        case .unreachable(let place, _, let cause): "\(place) cannot be used now: \(cause)"
        case .unknown(let place, let operation, let cause):
            "\(place) did not answer (\(operation)): \(cause); whether it was done is unknown"
        case .denied(let place, let operation, let cause): "\(operation) at \(place): not permitted: \(cause)"
        case .refused(let place, let operation, let cause): "\(operation) at \(place): \(cause)"
        case .damaged(let place, let digest): "\(place): blob \(digest.prefix(12)) has other bytes than its digest says"
        case .name(let text):
            "'\(text.prefix(KeyPart.longest))' is no name for a key: 1 to \(KeyPart.longest) letters, digits and -_.:@"
        case .credentials(let text), .settings(let text): text
        }
    }
}
