// SPDX-License-Identifier: Apache-2.0

import Logging
import Model

/// Obeys one template's state: gathers what is known, works, waits.
struct TemplateLoop: Sendable {
    let work: TemplateWork
    /// Of its news.
    let index: Int
    let host: String
    let board: KnowledgeBoard
    let pending: PendingCommands
    let logger: Logger

    private var name: String { work.definition.name }

    /// Until the task is cancelled.
    func run() async {
        let start = ContinuousClock.now
        func now() -> Duration { start.duration(to: .now) }
        var state = TemplateState(work.definition)
        var lastCause: String?
        await withDiscardingTaskGroup { group in
            var alarm: Duration?
            for await _ in board.news[index] {
                while !Task.isCancelled {
                    state.known(board.current.gather(work.definition, host: host), at: now())
                    let action = state.next(at: now())
                    if let missing = action.waitsFor { say(missing) }
                    guard let job = action.work else {
                        if let wake = action.wake, wake != alarm {
                            alarm = wake
                            group.addTask { await ring(at: start + wake) }
                        }
                        break
                    }
                    let outcome = await perform(job, &lastCause)
                    if Task.isCancelled { return }
                    state.finished(job, outcome, at: now())
                }
            }
        }
    }

    private func ring(at time: ContinuousClock.Instant) async {
        do {
            try await Task.sleep(until: time, clock: .continuous)
        } catch {
            return
        }
        board.wake(index)
    }

    private func perform(_ job: TemplateState.Work, _ lastCause: inout String?) async -> TemplateState.Outcome {
        do {
            let outcome: TemplateState.Outcome
            switch job {
            case .render(let input): outcome = try await work.write(input, pending)
            case .command:
                try await work.runCommand(pending)
                outcome = .commandDone
            }
            say(outcome, after: lastCause)
            lastCause = nil
            return outcome
        } catch {
            let cause = "\(error)"
            // The same again is no news.
            if cause != lastCause, !Task.isCancelled {
                logger.error(
                    job == .command
                        ? "template's command failed, tried again" : "template not written, old content stays",
                    metadata: ["template": "\(name)", "cause": "\(cause)"])
            }
            lastCause = cause
            return .failed
        }
    }

    private func say(_ missing: [String]) {
        if missing.isEmpty {
            logger.notice("template has all it needs", metadata: ["template": "\(name)"])
        } else {
            let words = missing.joined(separator: "; ")
            logger.warning("template waits", metadata: ["template": "\(name)", "for": "\(words)"])
        }
    }

    private func say(_ outcome: TemplateState.Outcome, after cause: String?) {
        let target = work.definition.target.place
        switch outcome {
        case .written: logger.notice("template written", metadata: ["template": "\(name)", "target": "\(target)"])
        case .commandDone where work.definition.command != nil:
            logger.notice("template's command done", metadata: ["template": "\(name)"])
        case .unchanged where cause != nil:
            logger.notice("template is as it should be again", metadata: ["template": "\(name)"])
        default: break
        }
    }
}
