// SPDX-License-Identifier: Apache-2.0

import ConsulAPI
import Logging
import Model

/// Follows one key, or all below a prefix, by long polls.
struct KeyFollower: Sendable {
    let query: Knowledge.KeyQuery
    let client: ConsulClient
    let board: KnowledgeBoard
    let settings: WatchSettings
    let logger: Logger

    /// A value that can stand in no text.
    private struct NoText: Error {
        let key: String
    }

    /// Until the task is cancelled.
    func run() async {
        let start = ContinuousClock.now
        func now() -> Duration { start.duration(to: .now) }
        var state = WatchState<[String: String]>(settings, at: .zero)
        var reading = Knowledge.KeyReading()
        var told: String?
        while !Task.isCancelled {
            do {
                try await Task.sleep(until: start + state.question.notBefore, clock: .continuous)
                let answer = try await ask(state.question)
                let news = state.answered(answer, at: now())
                guard news != .none else { continue }
                reading = Knowledge.KeyReading(held: state.held, isGone: answer.payload == nil, trouble: trouble(news))
            } catch let error as ConsulError {
                state.failed(retryAfter: error.retryAfter, at: now(), jitter: .random(in: 0..<1))
                reading.trouble = error.description
            } catch let error as NoText {
                state.failed(at: now(), jitter: .random(in: 0..<1))
                reading.trouble = "the value of \(error.key) is no UTF-8 text"
            } catch {
                return
            }
            put(reading)
            tell(reading, &told)
        }
    }

    /// Of what keeps its last value; a template that has none yet says itself what it waits for.
    private func tell(_ reading: Knowledge.KeyReading, _ told: inout String?) {
        defer { told = reading.held == nil ? nil : reading.trouble }
        guard reading.held != nil, (reading.trouble == nil) != (told == nil) else { return }
        if let trouble = reading.trouble {
            logger.warning(
                "keys in trouble, their last values stay", metadata: ["keys": "\(query)", "cause": "\(trouble)"])
        } else {
            logger.notice("keys are read again", metadata: ["keys": "\(query)"])
        }
    }

    private func put(_ reading: Knowledge.KeyReading) {
        board.update { if $0.keys[query] != reading { $0.keys[query] = reading } }
    }

    /// Nil where there is no such key.
    private func ask(_ question: WatchQuestion) async throws -> WatchAnswer<[String: String]> {
        let found: [KeyValue]
        let response: ConsulResponse
        switch query {
        case .key(let key):
            let answer = try await client.keyValue(
                key, consistency: question.consistency, blocking: question.blocking)
            (found, response) = (answer.value.map { [$0] } ?? [], answer.response)
        case .prefix(let prefix):
            let answer = try await client.keyValues(
                prefix: prefix, consistency: question.consistency, blocking: question.blocking)
            (found, response) = (answer.value, answer.response)
        }
        var values: [String: String] = [:]
        for one in found {
            guard let text = String(validating: one.value, as: UTF8.self) else { throw NoText(key: one.key) }
            values[one.key] = text
        }
        return WatchAnswer(payload: found.isEmpty ? nil : values, isEmpty: found.isEmpty, response: response)
    }

    private func trouble(_ news: WatchNews<[String: String]>) -> String? {
        guard case .suspicious(let suspicion, _) = news else { return nil }
        switch suspicion {
        case .filtered: return "the token may not read it all (key:read)"
        case .missing, .emptied: return "there is none"
        }
    }
}
