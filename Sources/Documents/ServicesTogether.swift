// SPDX-License-Identifier: Apache-2.0

import CDataplane
import Model

/// A service as far as it could be read: enough to compare it with the others even where something in it is wrong.
struct DeclaredService {
    var place: Place
    var name: String?
    var vip: VIP?
    var granules: Int
    var backends: Int
    var prefixes: Int
    /// Nil where what it cannot do without is missing or wrong; that is reported.
    var entry: DesiredState.Entry?
}

/// What must be right among services: names and VIPs are given once, and all fit the kernel's maps.
struct ServicesTogether {
    private var services = Limit(Int(SERVICES_MAX), "services")
    private var granules = Limit(Int(GRANULES_MAX), "blocks of 1024 slots in all tables")
    private var backends = Limit(Int(BACKENDS_MAX), "backends")
    private var prefixes = Limit(Int(ACCESS_ENTRIES_MAX), "prefixes to allow or deny")
    private var lines: [String: Int] = [:]
    private var names: [VIP: String] = [:]
    /// By name; of the first where there are two.
    private(set) var vips: [String: VIP] = [:]
    private let report: Report

    init(report: Report) { self.report = report }

    mutating func add(_ service: DeclaredService) {
        services.add(1, at: service.place, report)
        granules.add(service.granules, at: service.place, report)
        backends.add(service.backends, at: service.place, report)
        prefixes.add(service.prefixes, at: service.place, report)
        guard let name = service.name else { return }
        if let line = lines[name] {
            report.add("a second service '\(name)'; the first is in line \(line)", at: service.place)
        } else {
            lines[name] = service.place.line
        }
        guard let vip = service.vip else { return }
        if vips[name] == nil { vips[name] = vip }
        if let other = names[vip] {
            report.add("services '\(other)' and '\(name)' share the VIP \(vip)", at: service.place)
        } else {
            names[vip] = name
        }
    }

    /// Names of all that were declared, right or wrong.
    var declared: [String] { lines.keys.sorted() }

    /// The service that has an address already.
    func owner(of bind: VIP) -> String? {
        vips.filter { VirtualService(name: $0.key, vip: $0.value).takes(bind) }.keys.min()
    }

    /// So many of something fit; the first that does not is named.
    private struct Limit {
        let maximum: Int
        let what: String
        var count = 0

        init(_ maximum: Int, _ what: String) {
            self.maximum = maximum
            self.what = what
        }

        mutating func add(_ more: Int, at place: Place, _ report: Report) {
            if count <= maximum && count + more > maximum {
                report.add("with this service there are more than \(maximum) \(what), which the maps hold", at: place)
            }
            count += more
        }
    }
}
