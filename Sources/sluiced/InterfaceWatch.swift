// SPDX-License-Identifier: Apache-2.0

import Logging
import NextHops
import Reconciler

/// Notices that an interface went, came back, or changed its address or MTU, and asks for the generation to be applied anew.
struct InterfaceWatch {
    let names: [String]
    let reconciler: Reconciler
    let logger: Logger

    private static let interval = Duration.seconds(1)

    func run() async throws {
        var known: [String]?
        while !Task.isCancelled {
            do {
                let now = try present()
                if let known, known != now {
                    logger.info("interfaces changed", metadata: ["now": "\(now.joined(separator: ", "))"])
                    reconciler.disturbed()
                }
                known = now
            } catch {
                logger.warning("interfaces not read", metadata: ["cause": "\(error)"])
            }
            do { try await Task.sleep(for: Self.interval) } catch { return }
        }
    }

    private func present() throws -> [String] {
        try NetworkInterfaces.list().filter { names.contains($0.interface.name) }.map { link in
            let interface = link.interface
            return "\(interface.name) #\(interface.index) \(interface.address) MTU \(interface.mtu)"
        }
    }
}
