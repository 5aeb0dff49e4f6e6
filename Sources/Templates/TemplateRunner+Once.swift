// SPDX-License-Identifier: Apache-2.0

import Model

/// What became of a template that was filled once.
public struct TemplateResult: Sendable {
    public enum Outcome: Sendable {
        case unchanged
        case written
        /// What is missing.
        case waited([String])
        case failed(any Error)
    }

    public let definition: TemplateDefinition
    public let outcome: Outcome
}

/// What would be written.
public struct TemplatePreview: Sendable {
    public enum Outcome: Sendable {
        /// The content, and whether it differs from what is there.
        case content(String, differs: Bool)
        case waits([String])
        case failed(any Error)
    }

    public let definition: TemplateDefinition
    public let outcome: Outcome
}

extension TemplateRunner {
    /// Fills each template as soon as all is there that it needs, writes what is new, runs the commands, and ends.
    ///
    /// - Parameter limit: How long what is missing is waited for.
    public func once(_ pending: PendingCommands, within limit: Duration) async throws -> [TemplateResult] {
        try await eachOnce(within: limit) { work, gathered in
            let outcome: TemplateResult.Outcome
            switch gathered {
            case .waiting(let missing): outcome = .waited(missing)
            case .complete(let input): outcome = await write(input, work, pending)
            }
            return TemplateResult(definition: work.definition, outcome: outcome)
        }
    }

    /// What `once` would write; changes nothing and runs nothing.
    public func preview(within limit: Duration) async throws -> [TemplatePreview] {
        try await eachOnce(within: limit) { work, gathered in
            let outcome: TemplatePreview.Outcome
            switch gathered {
            case .waiting(let missing): outcome = .waits(missing)
            case .complete(let input): outcome = await preview(input, work)
            }
            return TemplatePreview(definition: work.definition, outcome: outcome)
        }
    }

    private func preview(_ input: TemplateInput, _ work: TemplateWork) async -> TemplatePreview.Outcome {
        do {
            let content = try work.content(input)
            return .content(String(decoding: content, as: UTF8.self), differs: try await work.current() != content)
        } catch {
            return .failed(error)
        }
    }

    private func write(
        _ input: TemplateInput, _ work: TemplateWork, _ pending: PendingCommands
    ) async -> TemplateResult.Outcome {
        do {
            let outcome = try await work.write(input, pending)
            if outcome != .unchanged(commandDue: false) { try await work.runCommand(pending) }
            return outcome == .written ? .written : .unchanged
        } catch {
            return .failed(error)
        }
    }

    /// In the definitions' order, one after the other; each is waited for until the limit, which is that of all.
    private func eachOnce<Value: Sendable>(
        within limit: Duration, _ body: @escaping @Sendable (TemplateWork, Gathered) async -> Value
    ) async throws -> [Value] {
        let deadline = ContinuousClock.now + limit
        return try await following { board in
            var values: [Value] = []
            for definition in definitions {
                let work = TemplateWork(definition: definition, client: client)
                values.append(await body(work, try await gathered(definition, board, until: deadline)))
            }
            return values
        }
    }

    /// Looks every 10 ms: this lasts as long as a person waits.
    private func gathered(
        _ definition: TemplateDefinition, _ board: KnowledgeBoard, until deadline: ContinuousClock.Instant
    ) async throws -> Gathered {
        while true {
            let gathered = board.current.gather(definition, host: host)
            if case .complete = gathered { return gathered }
            if ContinuousClock.now >= deadline { return gathered }
            try await Task.sleep(for: .milliseconds(10))
        }
    }
}
