// SPDX-License-Identifier: Apache-2.0

/// Targets that wait for their turn, first come, first served, each once.
struct Backlog {
    private var queue: [ProbeTarget.Key] = []
    private var begin = 0
    private var members: Set<ProbeTarget.Key> = []

    mutating func append(_ key: ProbeTarget.Key) {
        if members.insert(key).inserted { queue.append(key) }
    }

    mutating func next() -> ProbeTarget.Key? {
        guard begin < queue.count else { return nil }
        let key = queue[begin]
        begin += 1
        members.remove(key)
        // The served part goes away when it is most of the queue, so that each place is moved once.
        if begin * 2 >= queue.count {
            queue.removeFirst(begin)
            begin = 0
        }
        return key
    }
}
