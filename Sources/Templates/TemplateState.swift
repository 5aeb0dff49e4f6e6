// SPDX-License-Identifier: Apache-2.0

import Model

/// When a template is filled, and when its command is run: told what is known and what became of the work, it says what
/// to do next.
///
/// It knows no clock, no file and no server. Times are a clock's readings in ascending order.
public struct TemplateState: Sendable {
    public enum Work: Hashable, Sendable {
        /// Fill it, and write what is new.
        case render(TemplateInput)
        case command
    }

    public struct Action: Hashable, Sendable {
        /// To be done before anything else is told; its outcome is told by `finished`.
        public var work: Work?
        /// When `next` is to be called, unless something else comes before.
        public var wake: Duration?
        /// News for a person: what it waits for; empty where it waits no more.
        public var waitsFor: [String]?

        public init(work: Work? = nil, wake: Duration? = nil, waitsFor: [String]? = nil) {
            self.work = work
            self.wake = wake
            self.waitsFor = waitsFor
        }
    }

    public enum Outcome: Hashable, Sendable {
        /// `commandDue`: by a write before it, of which the command never succeeded.
        case unchanged(commandDue: Bool)
        case written
        case commandDone
        case failed
    }

    private let hasCommand: Bool
    private let retry: (first: Duration, longest: Duration)
    private var quiet: QuietTime
    private var gathered: Gathered?
    /// What was filled last, whether that succeeded or not.
    private var rendered: TemplateInput?
    private var commandIsDue = false
    private var failed: Work?
    private var failures = 0
    private var retryAt: Duration?
    private var news: [String]?

    public init(
        _ definition: TemplateDefinition, firstRetry: Duration = .seconds(1), longestRetry: Duration = .seconds(60)
    ) {
        hasCommand = definition.command != nil
        quiet = definition.wait
        retry = (firstRetry, longestRetry)
    }

    /// What is known now; the same again changes nothing.
    public mutating func known(_ now: Gathered, at time: Duration) {
        guard now != gathered else { return }
        let before = gathered
        gathered = now
        switch now {
        case .waiting(let missing): news = missing
        case .complete(let input):
            if case .waiting = before { news = [] }
            if input != rendered { quiet.changed(at: time) } else { quiet.published() }
        }
    }

    /// What is to be done at this time.
    public mutating func next(at time: Duration) -> Action {
        let waitsFor = news
        news = nil
        if case .complete(let input) = gathered, input != rendered {
            // The first is not waited with: there is nothing yet.
            let ready = rendered == nil ? time : quiet.deadline ?? time
            if time >= ready {
                quiet.published()
                rendered = input
                (failed, failures, retryAt) = (nil, 0, nil)
                return Action(work: .render(input), waitsFor: waitsFor)
            }
            return Action(wake: ready, waitsFor: waitsFor)
        }
        if let retryAt, let failed {
            guard time >= retryAt else { return Action(wake: retryAt, waitsFor: waitsFor) }
            self.retryAt = nil
            return Action(work: failed, waitsFor: waitsFor)
        }
        guard commandIsDue else { return Action(waitsFor: waitsFor) }
        return Action(work: .command, waitsFor: waitsFor)
    }

    /// What became of the work that was to be done.
    public mutating func finished(_ work: Work, _ outcome: Outcome, at time: Duration) {
        switch outcome {
        case .failed:
            failed = work
            retryAt = time + min(retry.first * (1 << min(failures, 16)), retry.longest)
            failures += 1
            if work == .command { commandIsDue = true }
            return
        case .written: commandIsDue = hasCommand
        case .unchanged(let due): commandIsDue = commandIsDue || due && hasCommand
        case .commandDone: commandIsDue = false
        }
        (failed, failures, retryAt) = (nil, 0, nil)
    }
}
