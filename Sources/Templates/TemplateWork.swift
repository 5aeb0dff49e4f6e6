// SPDX-License-Identifier: Apache-2.0

import ConsulAPI
import Model

/// What one template does to the world: fills its text, writes it, runs its programs.
struct TemplateWork: Sendable {
    let definition: TemplateDefinition
    let client: ConsulClient

    /// The whole content.
    func content(_ input: TemplateInput) throws -> [UInt8] {
        let template = try Template(input.text, place: definition.source.place, of: definition)
        return Array(try template.render(input.data).utf8)
    }

    /// What is at the target now; nil where nothing is.
    func current() async throws -> [UInt8]? {
        switch definition.target {
        case .file(let file): try TemplateFile(file).current()
        case .key(let key): try await client.keyValue(key, consistency: .consistent).value?.value
        }
    }

    /// Writes what is new; what was there stays when it throws.
    func write(_ input: TemplateInput, _ pending: PendingCommands) async throws -> TemplateState.Outcome {
        let content = try content(input)
        let isNew =
            switch definition.target {
            case .file(let file):
                try await TemplateFile(file).write(content) { path in
                    try await validate(path)
                } aboutToReplace: {
                    try noteCommand(content, pending)
                }
            case .key(let key):
                try await TemplateKey(client: client, key: key).write(content) {
                    try await validateApart(content, pending)
                } aboutToReplace: {
                    try noteCommand(content, pending)
                }
            }
        return isNew ? .written : .unchanged(commandDue: try pending.isDue(definition.name, content))
    }

    /// Runs the command that follows a write.
    func runCommand(_ pending: PendingCommands) async throws {
        guard let command = definition.command else { return }
        try await run(command, path: targetPath)
        try pending.done(definition.name)
    }

    private var targetPath: String {
        switch definition.target {
        case .file(let file): file.path
        case .key(let key): key
        }
    }

    private func noteCommand(_ content: [UInt8], _ pending: PendingCommands) throws {
        if definition.command != nil { try pending.set(definition.name, content) }
    }

    private func validate(_ path: String) async throws {
        if let validate = definition.validate { try await run(validate, path: path) }
    }

    private func validateApart(_ content: [UInt8], _ pending: PendingCommands) async throws {
        guard definition.validate != nil else { return }
        let path = try pending.scratch(definition.name, content)
        do {
            try await validate(path)
        } catch {
            try pending.removeScratch(definition.name)
            throw error
        }
        try pending.removeScratch(definition.name)
    }

    private func run(_ command: TemplateDefinition.Command, path: String) async throws {
        let program = Program(
            words: command.words(path: path),
            environment: ["SLUICE_TEMPLATE": definition.name, "SLUICE_TARGET": targetPath], limit: definition.timeout)
        try await program.run()
    }
}
