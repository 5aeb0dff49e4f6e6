// SPDX-License-Identifier: Apache-2.0

/// What etcd's size says: a full one refuses every write, leases too, so nobody can lead.
struct EtcdSpace {
    /// Of its file.
    let bytes: UInt64
    /// Of that, what is not free.
    let used: UInt64

    /// More than these are no use to anybody who follows the fleet.
    static let changes: Int64 = 100_000
    /// Unless it was started with another.
    private static let quota: UInt64 = 2 << 30
    private static let small: UInt64 = 100_000_000

    static let uncompacted =
        "it keeps the history of more than \(changes) changes, and grows until it is full: "
        + "start etcd with --auto-compaction-retention=1h"

    var problems: [String] {
        if used >= Self.quota / 4 * 3 {
            return [
                "\(used >> 20) MiB are used, and etcd's usual limit is 2048: compact it, or raise --quota-backend-bytes"
            ]
        }
        guard bytes > Self.small, used > 0, used < bytes / 2 else { return [] }
        return ["its file has \(bytes >> 20) MiB, of which \(used >> 20) are used: etcdctl defrag"]
    }
}
