// SPDX-License-Identifier: Apache-2.0

import EventLoop
import Relay

/// The workers' shared counts, and who has which place in them. A worker that has ended leaves its connections' counts:
/// they are cleared when it is known, and once more later, as one that is being killed may write to the last.
struct WorkerSharing {
    let counts: SharedCounts
    private var taken: Set<Int> = []
    private var resting: Set<Int> = []

    init() throws(EventLoopError) { counts = try SharedActivity.make() }

    /// A place that nobody has; nil where there are too many workers.
    mutating func enter() -> Int? {
        let free = (0..<counts.holders).first { !taken.contains($0) && !resting.contains($0) }
        if let free { taken.insert(free) }
        return free
    }

    mutating func leave(_ place: Int?) {
        guard let place, taken.remove(place) != nil else { return }
        counts.clear(place)
        resting.insert(place)
    }

    /// Those that had left at the last look are nobody's now.
    mutating func sweep() {
        for place in resting { counts.clear(place) }
        resting = []
    }
}
