// SPDX-License-Identifier: Apache-2.0

import Coordination
import Documents
import Model
import Reconciler

/// What people wrote that is in force: the services document and the drains. Of a host alone they lie on it, of a fleet
/// in its store.
struct FleetPapers: Sendable {
    /// Nil where nothing was applied, or what was cannot be read.
    var desired: DesiredState?
    var overrides: [Override]
    /// What could not be read, a line each.
    var problems: [String] = []

    init(_ host: HostConfiguration, _ kept: HostState.Restored) async throws {
        guard host.coordination.isShared else {
            overrides = kept.drains
            do { desired = try ServicesDocument.load(path: host.services).desired } catch {
                problems = ["\(error)"]
            }
            return
        }
        do {
            self = try await StorePlace(host).withStore { try await FleetPapers(of: $0) }
        } catch let error as StoreError {
            overrides = Self.guessed(kept.inForce?.generation)
            problems = ["\(error)", "what drains now is taken to be drained by people"]
        }
    }

    private init(of store: any FleetStore) async throws {
        overrides = []
        for (name, document) in try await store.documents(.overrides) {
            do { overrides.append(try OverrideDocument(bytes: document.bytes).override) } catch {
                problems.append("\(name): \(error)")
            }
        }
        guard let document = try await store.read(.desired) else { return }
        do {
            let text = try DesiredDocument(bytes: document.bytes).document
            desired = try ServicesDocument.parse(text: text, file: "desired").desired
        } catch {
            problems.append("desired: \(error)")
        }
    }

    private static func guessed(_ generation: Generation?) -> [Override] {
        (generation?.services ?? []).flatMap { service in
            service.backends.filter { $0.state == .draining }.map {
                Override(service: service.service.name, backend: $0.backend.name, author: "", reason: "drains")
            }
        }
    }
}
