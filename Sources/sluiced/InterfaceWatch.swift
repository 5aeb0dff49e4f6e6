// SPDX-License-Identifier: Apache-2.0

import Logging
import Model
import NextHops

/// Notices that an interface went, came back, or changed its name, address or MTU.
struct InterfaceWatch {
    let names: Set<String>
    /// Indices of those that packets come in by or are redirected to, whatever they are called now.
    let used: @Sendable () async throws -> Set<UInt32>
    let changed: @Sendable () async -> Void
    let logger: Logger

    private static let interval = Duration.seconds(1)

    func run() async throws {
        var known: [UInt32: NetworkInterface]?
        var before: Set<UInt32> = []
        while !Task.isCancelled {
            do {
                let used = try await used()
                let now = Dictionary(
                    try NetworkInterfaces.list().map { ($0.interface.index, $0.interface) }, uniquingKeysWith: { $1 })
                // Those that went are used no more, and were so a moment ago.
                if let known, differ(known, now, using: used.union(before)) {
                    logger.info("interfaces changed", metadata: ["now": "\(text(now, using: used))"])
                    await changed()
                }
                (known, before) = (now, used)
            } catch {
                logger.warning("interfaces not read", metadata: ["cause": "\(error)"])
            }
            do { try await Task.sleep(for: Self.interval) } catch { return }
        }
    }

    private func differ(
        _ old: [UInt32: NetworkInterface], _ new: [UInt32: NetworkInterface], using used: Set<UInt32>
    ) -> Bool {
        let named = (Array(old.values) + new.values).filter { names.contains($0.name) }.map(\.index)
        return used.union(named).contains { old[$0] != new[$0] }
    }

    private func text(_ interfaces: [UInt32: NetworkInterface], using used: Set<UInt32>) -> String {
        interfaces.values.filter { used.contains($0.index) || names.contains($0.name) }
            .sorted { $0.index < $1.index }
            .map { "\($0.name) #\($0.index) \($0.address) MTU \($0.mtu)" }.joined(separator: ", ")
    }
}
