// SPDX-License-Identifier: Apache-2.0

import Model

/// What the fleet does: `services.yaml`, which becomes part of a generation.
public struct ServicesDocument: Hashable, Sendable {
    /// Entries and their backends stand in the order of the document.
    public var desired: DesiredState
    /// What is allowed and yet probably not meant, in the order of the document.
    public var warnings: [Warning]
    /// Where each listener begins, by its name.
    public var listenerPlaces: [String: Place]

    public init(desired: DesiredState, warnings: [Warning] = [], listenerPlaces: [String: Place] = [:]) {
        self.desired = desired
        self.warnings = warnings
        self.listenerPlaces = listenerPlaces
    }

    /// Reads and checks a file. Throws everything that is wrong with it.
    public static func load(path: String) throws(Problems) -> ServicesDocument {
        let bytes = try FileText.read(path: path)
        return try parse(text: FileText.decode(bytes, file: path), file: path)
    }

    /// Checks a text; `file` names it in problems.
    public static func parse(text: String, file: String) throws(Problems) -> ServicesDocument {
        let report = Report(file: file)
        let composition = try Composition(FileText.checked(text, file: file), file: file)
        let (desired, places) = ServicesReader.desired(Reader(composition, report: report))
        try report.finish()
        return ServicesDocument(desired: desired, warnings: report.warnings, listenerPlaces: places)
    }
}

/// From `services.yaml` to a desired state.
enum ServicesReader {
    static func desired(_ reader: Reader) -> (state: DesiredState, listenerPlaces: [String: Place]) {
        let keys = ["defaults", "services", "listeners", "routes"]
        guard let fields = Fields(reader, of: "the services' document", keys: keys) else {
            return (DesiredState(), [:])
        }
        let defaults = ServiceDefaults(fields["defaults"])
        var together = ServicesTogether(report: reader.report)
        let entries = fields.required("services")?.elements(of: "services").compactMap {
            element -> DesiredState.Entry? in
            guard let declared = ServiceReader(element, defaults)?.declared() else { return nil }
            together.add(declared)
            return declared.entry
        }
        let listeners = ListenerReader.listeners(fields["listeners"], beside: together)
        let routes = RouteReader.routes(fields["routes"], listeners: listeners.places.keys.sorted(), beside: together)
        let routing = Routing(listeners: listeners.read, routes: routes)
        return (DesiredState(entries: entries ?? [], routing: routing), listeners.places)
    }
}
