// SPDX-License-Identifier: Apache-2.0

import Model

/// How a service's list takes the place of another where the access map has no room for both.
///
/// Whoever both lists answer alike must be answered so all the time. As long as there is room that is simple: all that
/// comes is inserted before anything that goes is deleted. Without room something goes first:
/// - first what no coming prefix overlaps. Its clients change sides with this list anyway, and do so a moment early;
/// - only where that is not enough, prefixes that do overlap, in the order of addresses and a few at a time, each just
///   before those that come in its place. Their clients are answered by what shorter prefixes or the service's default
///   say, for as long as a few system calls take. This alone is unavoidable: of the old and the new list there is only
///   room for one.
struct AccessExchange {
    /// Carried out one after the other; in each the deletions come first.
    private(set) var rounds: [(removed: [AccessEntry], added: [AccessEntry])] = []

    /// - Parameters:
    ///   - old: what the map holds of the service and the new list does not; none of it is overwritten by `new`.
    ///   - new: what comes, by key.
    ///   - free: entries that the map has left; with the old ones gone they are enough for the new ones.
    init(from old: [AccessEntry], to new: [AccessEntry], free: Int) {
        let coming = Overlaps(new.map(\.prefix))
        var harmless: [AccessEntry] = []
        var touched: [AccessEntry] = []
        for entry in old.sorted() {
            if coming.overlap(entry.prefix) { touched.append(entry) } else { harmless.append(entry) }
        }
        var free = free
        var new = new.sorted()[...]
        let early = Array(harmless.prefix(max(0, new.count - free)))
        free += early.count
        rounds.append((early, take(&new, free)))
        var leaving = touched[...]
        while !new.isEmpty, !leaving.isEmpty {
            let removed = take(&leaving, Self.few)
            rounds.append((removed, take(&new, removed.count)))
        }
    }

    private static let few = 64

    private func take(_ entries: inout ArraySlice<AccessEntry>, _ count: Int) -> [AccessEntry] {
        let taken = Array(entries.prefix(count))
        entries = entries.dropFirst(count)
        return taken
    }
}

/// Prefixes, to be asked whether another one shares an address with any of them.
private struct Overlaps {
    private let sorted: [IPPrefix]
    private let all: Set<IPPrefix>
    private let lengths: [Int]

    init(_ prefixes: [IPPrefix]) {
        sorted = prefixes.sorted()
        all = Set(prefixes)
        lengths = Set(prefixes.map(\.length)).sorted()
    }

    func overlap(_ prefix: IPPrefix) -> Bool {
        let isCovered = lengths.prefix { $0 <= prefix.length }.contains { length in
            IPPrefix(prefix.address, length: length).map(all.contains) ?? false
        }
        if isCovered { return true }
        // What it covers follows it in order at once.
        var (low, high) = (0, sorted.count)
        while low < high {
            let middle = (low + high) / 2
            if sorted[middle] < prefix { low = middle + 1 } else { high = middle }
        }
        return low < sorted.count && prefix.isIPv4 == sorted[low].isIPv4 && prefix.covers(sorted[low])
    }
}
