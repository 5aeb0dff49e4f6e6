// SPDX-License-Identifier: Apache-2.0

import Model

/// What happens to a fleet: to every service alike where nothing else is said.
enum Change: Hashable, Sendable {
    /// Three backends get other weights.
    case weights
    case add(String)
    case remove(String)
    /// By an override, and back.
    case drain(String)
    case enable(String)
    /// The backend gets another address: it is another one, beside which the old one drains.
    case move(String)
    /// As this host's probes see it.
    case down(String)
    case up(String)
    /// The table of one service.
    case resize(TableSize)
    /// Ids are given again from 1 on, to the first that are free.
    case reuseIDs
    /// One that the program at work cannot serve.
    case addService
    /// The daemon's, on the pins that are there.
    case restart

    /// Whether it is a host's own affair, so that no generation comes of it.
    var isLocal: Bool {
        switch self {
        case .down, .up, .restart: true
        default: false
        }
    }
}

/// What happens when, in ticks of eight seconds.
enum Schedule {
    static let tick = 8
    static let ticks = 76
    /// No change from here on until the second part begins, and no flow of the first part goes on beyond `quietAfter`
    /// that a change has parted from its slot.
    static let lastOfFirst = 26
    static let quietAfter = 34
    static let second = 46

    /// Several changes of one tick make one generation each; the host sees the last one alone.
    static let changes: [Int: [Change]] = [
        3: [.weights], 5: [.down("d")], 6: [.up("d")], 7: [.weights], 8: [.add("i")], 9: [.down("d")],
        10: [.up("d"), .weights], 12: [.remove("b")], 13: [.weights], 14: [.drain("c")], 15: [.down("e")],
        16: [.restart], 17: [.up("e")], 18: [.weights, .resize(.medium)], 20: [.enable("c")], 21: [.weights],
        23: [.down("e")], 24: [.up("e"), .weights], 25: [.weights, .add("j"), .weights],
        46: [.reuseIDs, .add("k")], 47: [.weights], 48: [.down("f")], 49: [.restart], 50: [.up("f"), .addService],
        51: [.remove("i")], 53: [.add("i"), .weights], 55: [.down("f"), .weights], 56: [.up("f")],
        57: [.remove("e"), .weights], 58: [.move("g")], 59: [.drain("a")], 60: [.resize(.small), .weights],
        61: [.restart], 62: [.weights], 63: [.enable("a")], 65: [.remove("h"), .reuseIDs, .add("l")], 68: [.weights],
    ]
}
