// SPDX-License-Identifier: Apache-2.0

import ConsulAPI
import Discovery
import Glibc
import Model
import Storage
import Templates
import TestSupport

extension ConsulCatalog: TemplateCatalog {}

/// A directory with templates, and a Consul where a test needs one.
final class Bench: Sendable {
    let directory: TemporaryDirectory
    let client: ConsulClient

    /// - Parameter port: Of a Consul; without one nobody answers there.
    init(port: UInt16 = 1) throws {
        directory = try TemporaryDirectory()
        client = ConsulClient(ConsulSettings(addresses: [.http(host: "127.0.0.1", port: Int(port))]))
    }

    var path: String { directory.path }

    /// A template of a file below the directory into another.
    func definition(_ text: String, to target: String = "out") throws -> TemplateDefinition {
        let source = try directory.write(text, to: "source")
        var definition = TemplateDefinition(
            name: "t", source: .file(source),
            target: .file(.init(path: target.hasPrefix("/") ? target : "\(path)/\(target)")))
        definition.wait = QuietTime(quiet: .milliseconds(20), longest: .seconds(1))
        return definition
    }

    func runner(_ definitions: [TemplateDefinition]) -> TemplateRunner {
        let catalog = ConsulCatalog(
            client, settings: .init(quiet: QuietTime(quiet: .zero, longest: .zero)))
        return TemplateRunner(definitions, host: "edge-1", client: client, catalog: catalog)
    }

    /// A program that another test is just starting has a copy of every descriptor for a moment, and with it the lock.
    func pending() async throws -> PendingCommands {
        var held: PendingCommands?
        try await awaited("the lock of \(path)/state") {
            do throws(StorageError) {
                held = try PendingCommands(path + "/state")
            } catch  where error.errno == EWOULDBLOCK {
                return false
            }
            return true
        }
        guard let held else { throw SystemError("lock \(path)/state", cause: "not held") }
        return held
    }

    /// What became of it: `written`, `unchanged`, or the cause.
    func once(_ definition: TemplateDefinition, within limit: Duration = .seconds(20)) async throws -> String {
        let results = try await runner([definition]).once(try await pending(), within: limit)
        switch results[0].outcome {
        case .written: return "written"
        case .unchanged: return "unchanged"
        case .waited(let missing): return "waits for " + missing.joined(separator: "; ")
        case .failed(let error): return "\(error)"
        }
    }

    func once(text: String, to target: String = "out") async throws -> String {
        try await once(try definition(text, to: target))
    }

    /// `differs` or `unchanged`, and the content.
    func preview(_ definition: TemplateDefinition) async throws -> String {
        let previews = try await runner([definition]).preview(within: .seconds(20))
        switch previews[0].outcome {
        case .content(let content, let differs): return (differs ? "differs: " : "unchanged: ") + content
        case .waits(let missing): return "waits for " + missing.joined(separator: "; ")
        case .failed(let error): return "\(error)"
        }
    }

    /// Nil where there is none.
    func content(_ name: String) throws -> String? {
        let file = name.hasPrefix("/") ? name : "\(path)/\(name)"
        guard access(file, F_OK) == 0 else { return nil }
        return try Shell.run("cat '\(file)'")
    }
}

/// Gives a bench to the test, and closes its connections then.
func withBench<Value>(port: UInt16 = 1, _ body: (Bench) async throws -> Value) async throws -> Value {
    let bench = try Bench(port: port)
    let outcome: Result<Value, any Error>
    do {
        outcome = .success(try await body(bench))
    } catch {
        outcome = .failure(error)
    }
    try await bench.client.shutdown()
    return try outcome.get()
}
