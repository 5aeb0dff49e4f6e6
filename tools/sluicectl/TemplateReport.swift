// SPDX-License-Identifier: Apache-2.0

import Admin
import ArgumentParser
import ConsulAPI
import Documents
import Model
import Storage
import Templates

/// What `sluicectl template` prints, and the exit code that says it.
enum TemplateReport {
    private struct Row: Encodable {
        var template: String
        var source: String
        var target: String
        var command: String?
    }

    private struct Outcome: Encodable {
        var template: String
        var target: String
        /// `unchanged`, `written`, `differs`, `waits`, `failed`.
        var state: String
        var cause: String?
        var content: String?
    }

    static func list(_ templates: [TemplateDefinition], _ format: OutputFormat) throws {
        let rows = templates.map {
            Row(template: $0.name, source: $0.source.place, target: $0.target.place, command: $0.command?.text)
        }
        guard format == .table else { return try printJSON(rows) }
        var table = TextTable([.left("TEMPLATE"), .left("SOURCE"), .left("TARGET"), .left("COMMAND")])
        for row in rows { table.add(row.template, row.source, row.target, row.command ?? "-") }
        Terminal.print(table.text)
    }

    /// Throws `differences` where something would be written, after it was printed.
    static func preview(_ previews: [TemplatePreview], _ format: OutputFormat) throws {
        let outcomes = previews.map { one in
            switch one.outcome {
            case .content(let content, let differs):
                outcome(one.definition, differs ? "differs" : "unchanged", content: content)
            case .waits(let missing): outcome(one.definition, "waits", cause: missing.joined(separator: "; "))
            case .failed(let error): outcome(one.definition, "failed", cause: "\(error)")
            }
        }
        if format == .json { try printJSON(outcomes) } else { show(outcomes) }
        try fail(previews.compactMap { error(of: $0) })
        if outcomes.contains(where: { $0.state == "differs" }) {
            throw ArgumentParser.ExitCode(Admin.ExitCode.differences.rawValue)
        }
    }

    static func results(_ results: [TemplateResult], _ format: OutputFormat) throws {
        let outcomes = results.map { one in
            switch one.outcome {
            case .unchanged: outcome(one.definition, "unchanged")
            case .written: outcome(one.definition, "written")
            case .waited(let missing): outcome(one.definition, "waits", cause: missing.joined(separator: "; "))
            case .failed(let error): outcome(one.definition, "failed", cause: "\(error)")
            }
        }
        if format == .json { try printJSON(outcomes) } else { show(outcomes) }
        try fail(
            results.compactMap { one in
                switch one.outcome {
                case .failed(let error): error
                case .waited(let missing): Missing(missing)
                default: nil
                }
            })
    }

    private static func outcome(
        _ definition: TemplateDefinition, _ state: String, cause: String? = nil, content: String? = nil
    ) -> Outcome {
        Outcome(
            template: definition.name, target: definition.target.place, state: state, cause: cause, content: content)
    }

    private static func show(_ outcomes: [Outcome]) {
        for one in outcomes {
            if let cause = one.cause {
                Terminal.error("\(one.template): \(one.state == "waits" ? "waits for " : "")\(cause)")
            } else {
                Terminal.print("\(one.template): \(one.target): \(one.state)\n")
            }
            if let content = one.content { Terminal.print(content.hasSuffix("\n") ? content : content + "\n") }
        }
    }

    private struct Missing: Error {
        init(_ missing: [String]) {}
    }

    private static func error(of preview: TemplatePreview) -> (any Error)? {
        switch preview.outcome {
        case .failed(let error): error
        case .waits(let missing): Missing(missing)
        case .content: nil
        }
    }

    /// What went wrong has been printed; the first decides the code.
    private static func fail(_ errors: [any Error]) throws {
        guard let first = errors.first else { return }
        let status: Admin.ExitCode =
            switch first {
            case is Missing: .unreachable
            case let error as StorageError: Admin.ExitCode(systemError: error.errno)
            case let error as ConsulError where error.kind == .permission: .permission
            case is ConsulError: .unreachable
            default: .failed
            }
        let count = errors.count == 1 ? "one template was" : "\(errors.count) templates were"
        throw Failure(status, "\(count) not filled; what was there stays")
    }
}

extension TemplateDefinition.Command {
    fileprivate var text: String {
        switch self {
        case .shell(let text): text
        case .program(let words): words.joined(separator: " ")
        }
    }
}
