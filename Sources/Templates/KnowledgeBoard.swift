// SPDX-License-Identifier: Apache-2.0

import Model
import Synchronization

/// Where those who follow something put what they find, and each template is told that there is news.
final class KnowledgeBoard: Sendable {
    /// One a template. What is new lies in the knowledge: one word stands for all before it.
    let news: [AsyncStream<Void>]
    private let tellers: [AsyncStream<Void>.Continuation]
    private let knowledge = Mutex(Knowledge())

    init(templates: Int) {
        let streams = (0..<templates).map { _ in
            AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        }
        news = streams.map(\.stream)
        tellers = streams.map(\.continuation)
    }

    var current: Knowledge { knowledge.withLock { $0 } }

    func update(_ change: (inout Knowledge) -> Void) {
        knowledge.withLock { change(&$0) }
        for teller in tellers { teller.yield() }
    }

    /// Wakes one template.
    func wake(_ index: Int) { tellers[index].yield() }
}
