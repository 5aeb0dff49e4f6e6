// SPDX-License-Identifier: Apache-2.0

import Model

/// When a host writes its report: soon after a change, and often enough to show that it lives.
struct ReportPace: Sendable {
    static let interval = Duration.seconds(10)
    /// How often it is looked at.
    static let look = Duration.seconds(1)

    private var last: (content: HostReport, at: Duration)?

    /// Whether it is to be written now.
    func isDue(_ report: HostReport, at uptime: Duration) -> Bool {
        guard let last else { return true }
        return report.content != last.content || uptime - last.at >= Self.interval
    }

    mutating func wrote(_ report: HostReport, at uptime: Duration) { last = (report.content, uptime) }
}

extension HostReport {
    /// Nil where it cannot be read: then its host is as if it were silent.
    init?(readable bytes: [UInt8]) {
        do { try self.init(bytes: bytes) } catch { return nil }
    }
}
