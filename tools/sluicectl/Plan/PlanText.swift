// SPDX-License-Identifier: Apache-2.0

/// A plan for people: what changes, what moves, and what that does to flows.
enum PlanText {
    static func text(_ report: PlanReport, applying remedy: String) -> String {
        let width = report.services.map(\.service.count).max() ?? 0
        let services = report.services.map { lines(of: $0, width: width).map { $0 + "\n" }.joined() }.joined()
        let held = report.held.map { ($0.hasSuffix("by the brake") ? $0 : "\($0) by the brake") + "\n" }.joined()
        let count = report.services.count
        let changes = [
            count > 0 ? "\(count) \(count == 1 ? "service changes" : "services change")" : "",
            report.http.isEmpty ? "" : "of HTTP: \(report.http.count)",
        ].filter { !$0.isEmpty }
        guard !changes.isEmpty else { return held + "nothing changes\n" }
        return services + report.http.text + held + "\(changes.joined(separator: "; ")). \(remedy)\n"
    }

    private static func lines(of service: PlanReport.Service, width: Int) -> [String] {
        let indent = String(repeating: " ", count: width + 2)
        let name = service.service + String(repeating: " ", count: width - service.service.count) + "  "
        let sign = ["added": "+  ", "removed": "-  "][service.change] ?? ""
        let isWhole = service.change == "added" || service.change == "removed"
        let changes = isWhole ? [] : service.backends.map(line) + service.settings.map(line)
        let effects = slotLines(service) + flowLines(service)
        return [name + sign + service.notation] + changes.map { indent + $0 } + effects.map { indent + "   " + $0 }
    }

    private static func line(_ backend: PlanReport.Backend) -> String {
        let subject = "\(backend.backend) (\(backend.address))"
        return switch backend.change {
        case "added": "+  \(subject) w\(backend.weight)"
        case "drains": "-  \(subject) drains"
        case "returns": "+  \(subject) w\(backend.weight) takes new flows again"
        case "leaves": "-  \(subject) leaves: its drain is over"
        case "port": "~  \(subject) port \(backend.fromPort ?? 0) becomes \(backend.port)"
        default: "~  \(subject) w\(backend.fromWeight ?? 0) becomes w\(backend.weight)"
        }
    }

    private static func line(_ setting: PlanReport.Setting) -> String {
        "~  \(setting.key): \(setting.from) becomes \(setting.to)"
    }

    private static func slotLines(_ service: PlanReport.Service) -> [String] {
        let brake = service.isIsolated ? ["this host sees so much of it down that the brake ignores its probes"] : []
        switch service.change {
        case "remapped":
            return ["another table: every flow is hashed anew"] + brake
        case "changed", "unmoved":
            guard let slots = service.slots, slots.moved > 0 else { return ["no slot moves"] + brake }
            let gains = slots.balance.filter { $0.value > 0 }.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
            let named = gains.prefix(4).map { "\($0.value) to \($0.key)" }
            let rest = gains.dropFirst(4).reduce(0) { $0 + $1.value }
            let gained = (named + (rest > 0 ? ["\(rest) to \(gains.count - 4) others"] : [])).joined(separator: ", ")
            let taken = gained.isEmpty ? "\(slots.unavoidable) to nobody" : gained
            let unavoidable = slots.unavoidable > 0 ? "\(taken) (unavoidable), " : ""
            let part = Units.percent(slots.moved, of: slots.total, digits: 1)
            let collateral = Units.percent(slots.collateral, of: slots.total)
            return [
                "slots moved \(slots.moved) of \(slots.total) (\(part)): "
                    + "\(unavoidable)\(slots.collateral) between others (collateral, \(collateral))"
            ] + brake
        default: return brake
        }
    }

    private static func flowLines(_ service: PlanReport.Service) -> [String] {
        let flows = service.flows
        if service.change == "added" { return [] }
        if service.change == "removed" { return ["flows: all end; its VIP is not steered any more"] + now(service) }
        let moves = "those of \(share(flows.cutShare)) go to another backend at once and are reset"
        let cut = flows.cutShare > 0 ? [moves] : []
        if service.change == "remapped" { return ["flows: " + cut.joined()] + now(service) }
        guard let slots = service.slots, slots.moved > 0 else { return [] }
        let risk =
            "if an edge is lost before slots settle (\(Units.age(seconds: flows.idleSeconds)) without use), "
            + "those of \(share(flows.atRiskShare)) of the slots begun since are at risk"
        let kept = slots.tracked == 0 ? [] : [risk]
        let first = cut.isEmpty ? ["all kept by tracking on each edge"] : cut + ["all others kept by tracking"]
        return ["flows: " + (first + kept).joined(separator: "; ")] + now(service)
    }

    private static func now(_ service: PlanReport.Service) -> [String] {
        guard let rate = service.flows.newPerSecond else { return [] }
        let begun = Units.count(rate)
        let risk = service.flows.atRiskPerSecond.map {
            $0 > 0 ? ", of which \(Units.count($0))/s would be at risk" : ""
        }
        let unsettled = (service.slots?.unsettledNow).map { $0 > 0 ? "; \($0) slots are unsettled already" : "" }
        let recorded = (service.flows.recordedNow).map { "; \($0) flows recorded" }
        return ["on this host now: \(begun) new flows/s\(risk ?? "")\(unsettled ?? "")\(recorded ?? "")"]
    }

    private static func share(_ share: Double) -> String { Units.fixed(100 * share, 1) + " %" }
}
