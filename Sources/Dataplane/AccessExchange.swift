// SPDX-License-Identifier: Apache-2.0

import Model

/// How a service's list takes the place of another where the access map has no room for both.
///
/// Whoever both lists answer alike must be answered so all the time. As long as there is room that is simple: all that
/// comes is inserted before anything that goes is deleted. Without room something goes first:
/// - first what no coming prefix overlaps. Its clients change sides with this list anyway, and do so a moment early;
/// - only where that is not enough, prefixes that do overlap, in the order of addresses and a few at a time, each after
///   those that come in its place, as far as there is room for these. Where there is none, as one prefix gives way to
///   many or the map is full to the last entry, its clients are answered by what shorter prefixes or the service's
///   default say, for as long as a few system calls take. This alone is unavoidable: of the old and the new list there
///   is only room for one.
///
/// What comes is inserted from the longest prefix to the shortest and what goes is deleted the other way: so no client
/// meets an answer that neither list has for him.
struct AccessExchange {
    /// Carried out one after the other; in each the insertions come first.
    private(set) var rounds: [(added: [AccessEntry], removed: [AccessEntry])] = []

    /// - Parameters:
    ///   - old: what the map holds of the service and the new list does not; none of it is overwritten by `new`.
    ///   - new: what comes, by key.
    ///   - free: entries that the map has left; with the old ones gone they are enough for the new ones.
    init(from old: [AccessEntry], to new: [AccessEntry], free: Int) {
        let coming = Overlaps(new.map(\.prefix))
        var harmless: [AccessEntry] = []
        var leaving: [AccessEntry] = []
        for entry in old.sorted() {
            if coming.overlap(entry.prefix) { leaving.append(entry) } else { harmless.append(entry) }
        }
        let early = Array(harmless.prefix(max(0, new.count - free)))
        if !early.isEmpty { rounds.append(([], early)) }
        var free = free + early.count
        var arrivals = Self.arrivals(new, beside: leaving)[...]
        var gone = 0
        while arrivals.count > free, gone < leaving.count {
            let end = Self.end(
                of: gone..<min(leaving.count, gone + min(Self.few, arrivals.count - free)), arrivals, free)
            let added = arrivals.prefix(free).prefix { $0.due < end }
            arrivals = arrivals.dropFirst(added.count)
            rounds.append((added.map(\.entry), Array(leaving[gone..<end])))
            free += end - gone - added.count
            gone = end
        }
        if !arrivals.isEmpty { rounds.append((arrivals.map(\.entry), [])) }
    }

    private static let few = 64

    /// What comes, in the order of insertion, each with the first of what goes that it must be there before: one that it
    /// overlaps, or that one does which covers it among those that come.
    private static func arrivals(
        _ new: [AccessEntry], beside leaving: [AccessEntry]
    ) -> [(due: Int, entry: AccessEntry)] {
        let places = Overlaps(leaving.map(\.prefix))
        var covering: [(due: Int, prefix: IPPrefix)] = []
        // Sorted, each prefix follows those that cover it.
        let arrivals = new.sorted().map { entry -> (due: Int, entry: AccessEntry) in
            while let last = covering.last, !last.prefix.covers(entry.prefix) { covering.removeLast() }
            let due = min(covering.last?.due ?? .max, places.first(overlapping: entry.prefix) ?? .max)
            covering.append((due, entry.prefix))
            return (due, entry)
        }
        return arrivals.sorted { ($0.due, $1.entry) < ($1.due, $0.entry) }
    }

    /// Up to where the old ones may go at once: so far that what is to be there before has room, or, where this is not
    /// so of the first alone, all of them.
    private static func end(
        of range: Range<Int>, _ arrivals: ArraySlice<(due: Int, entry: AccessEntry)>, _ free: Int
    ) -> Int {
        let outside = arrivals[arrivals.startIndex + free].due
        return outside > range.lowerBound ? min(range.upperBound, outside) : range.upperBound
    }
}

/// Prefixes, to be asked whether another one shares an address with any of them.
private struct Overlaps {
    private let sorted: [IPPrefix]
    private let places: [IPPrefix: Int]
    private let lengths: [Int]

    init(_ prefixes: [IPPrefix]) {
        sorted = prefixes.sorted()
        places = Dictionary(sorted.enumerated().map { ($1, $0) }) { one, _ in one }
        lengths = Set(prefixes.map(\.length)).sorted()
    }

    func overlap(_ prefix: IPPrefix) -> Bool { first(overlapping: prefix) != nil }

    /// Its place in order.
    func first(overlapping prefix: IPPrefix) -> Int? {
        for length in lengths.prefix(while: { $0 <= prefix.length }) {
            if let place = IPPrefix(prefix.address, length: length).flatMap({ places[$0] }) { return place }
        }
        // What it covers follows it in order at once.
        var (low, high) = (0, sorted.count)
        while low < high {
            let middle = (low + high) / 2
            if sorted[middle] < prefix { low = middle + 1 } else { high = middle }
        }
        guard low < sorted.count, prefix.isIPv4 == sorted[low].isIPv4, prefix.covers(sorted[low]) else { return nil }
        return low
    }
}
