// SPDX-License-Identifier: Apache-2.0

import BPF
import CDataplane
import Model

/// Program, maps and links of one host, and the one who writes them. Works in the network namespace of its thread.
///
/// Everything that lies in the kernel outlives it; what is kept here can be read from there again.
final class Installation {
    let settings: DataplaneSettings
    let paths: PinPaths
    private let kernel: KernelFeatures
    private let source: ProgramSource
    private let loader: Loader
    private let attachment: Attachment
    private var lock: InstallationLock?
    private(set) var loaded: LoadedProgram?
    private(set) var attachments: [AttachmentReport] = []
    private(set) var notes: [String] = []
    var tables: Tables?
    /// Why the program is not as narrow as it could be.
    private(set) var narrowingNote: String?
    /// The program that was seen to read the maps as this process writes them.
    private var agreed: UInt32?
    /// What the program is compiled of when the last change is done.
    private var wanted: Features?

    init(_ settings: DataplaneSettings) throws(BPFError) {
        self.settings = settings
        paths = PinPaths(root: settings.bpfRoot)
        kernel = KernelFeatures.probe()
        source = ProgramSource(
            directory: settings.sources, cache: settings.cache, clang: settings.clang, kernel: kernel)
        loader = Loader(paths: paths, cpus: try Self.cpus(settings))
        attachment = Attachment(
            paths: paths, policy: settings.policy, replacesForeign: settings.replacesForeign)
    }

    private static func cpus(_ settings: DataplaneSettings) throws(BPFError) -> Int {
        if let cpus = settings.cpus { return cpus }
        return try Map.possibleCPUs()
    }

    /// Takes the lock and adopts what an earlier process left.
    func start() throws(BPFError) -> StartReport {
        try paths.make()
        lock = try InstallationLock(paths.root)
        let pins = try paths.pins()
        do {
            loaded = try loader.pinned()
            if loaded != nil { tables = try Tables(paths) }
        } catch {
            // Pins of another layout, or not all of them: what runs goes on until a program with its own maps takes
            // over.
            loaded = nil
            return StartReport(adopted: [], program: nil, note: "the pins are not adopted: \(error)")
        }
        if loaded == nil, try Pin.exists(paths.program) {
            let note = "the pins are not adopted: the program that runs is not of this layout"
            return StartReport(adopted: [], program: nil, note: note)
        }
        return StartReport(adopted: pins, program: loaded.map(ProgramReport.init), note: nil)
    }

    /// Puts a generation in force: a program that can do it, the maps, then the interfaces that lack the program.
    ///
    /// - Throws: what could not be done. Where it fails before the maps nothing has changed; later, every VIP still
    ///   has its backends, and another call completes it.
    func apply(_ generation: Generation, on host: HostView) throws -> ApplyReport {
        guard lock != nil else {
            throw BPFError(operation: "apply to", subject: paths.root, cause: "not started")
        }
        _ = try tables?.tidy()
        notes = []
        let (host, left) = host.withoutClashes(keeping: tables?.placedInterfaces ?? [])
        let clock = ContinuousClock()
        let start = clock.now
        // First of all, as it may refuse the generation.
        let image = try MapImage.image(
            of: generation, on: host, after: tables?.applied, ports: tables.map { $0.assignedPorts })
        let imaging = start.duration(to: clock.now)
        let features = Features.needed(by: image, kernel: kernel)
        let program = try program(with: features)
        // On the maps that are in force a program may take over at once. On fresh ones it waits until they are filled.
        if tables != nil { try takeOver(program) }
        let tables = try self.tables ?? Tables(paths)
        let outcome = try tables.apply(image, epoch: generation.epoch, number: generation.number)
        self.tables = tables
        notes += outcome.notes
        try agree(with: program)
        attach(program, host)
        attachments += left
        try takeOver(program)
        wanted = features
        for index in image.interfacesWithoutPort {
            notes.append("packets that leave by interface \(index) are dropped: no key of the device map is free yet")
        }
        return ApplyReport(
            epoch: generation.epoch, number: generation.number, program: ProgramReport(program),
            attachments: attachments, steered: host.interfaces, changes: outcome.changes,
            isolated: image.isolatedServices, notes: notes,
            isComplete: outcome.isComplete && image.interfacesWithoutPort.isEmpty,
            imaging: imaging, planning: outcome.planning, storing: outcome.storing)
    }

    /// What may run behind a change: the grace period and removals.
    func finish() throws { try tables?.finish() }

    /// One that can do all that is asked, and all that is in force already.
    private func program(with features: Features) throws(BPFError) -> LoadedProgram {
        if let loaded, loaded.features.isSuperset(of: features) { return loaded }
        let features = features.union(loaded?.features ?? [])
        let object = try source.object(with: features)
        if let note = object.note { notes.append(note) }
        do {
            return try loader.load(object)
        } catch {
            // What one compiler makes a verifier takes, what another makes of the same it may not.
            guard !error.verifier.isEmpty, !object.isPrebuilt else { throw error }
            let general = try source.general(for: features, because: error)
            if let note = general.note { notes.append(note) }
            return try loader.load(general)
        }
    }

    /// One atomic update a link; maps and records stay.
    private func takeOver(_ program: LoadedProgram) throws(BPFError) {
        guard loaded?.program.id != program.program.id else { return }
        try agree(with: program)
        try attachment.update(to: program.program)
        try loader.pin(program)
        loaded = program
    }

    /// The program of just what is needed, to be made without holding up anything; nil where nothing has changed.
    func narrowing() -> Narrowing? {
        guard let wanted, let loaded else { return nil }
        return Narrowing(wanted: wanted, running: loaded, source: source, loader: loader)
    }

    /// Lets the narrower program take over, unless a change came meanwhile: then it is made again.
    ///
    /// - Returns: nil where the program stays.
    func takeOver(_ outcome: Narrowing.Outcome, of narrowing: Narrowing) -> ProgramReport? {
        guard wanted == narrowing.wanted, loaded?.program.id == narrowing.running.program.id else { return nil }
        wanted = nil
        narrowingNote = outcome.note
        guard let program = outcome.program else { return nil }
        do {
            try takeOver(program)
            return ProgramReport(program)
        } catch {
            narrowingNote = "the program stays as it is: \(error)"
            return nil
        }
    }

    /// Asks a program about what is in force, once when this process has written it.
    private func agree(with program: LoadedProgram) throws(BPFError) {
        guard agreed != program.program.id else { return }
        try Agreement(paths: paths).check(program)
        if tables?.generation != nil { agreed = program.program.id }
    }

    private func attach(_ program: LoadedProgram, _ host: HostView) {
        let earlier = Dictionary(attachments.map { ($0.interface, $0) }) { $1 }
        do {
            try attachment.renameLinks(of: host.interfaces)
        } catch {
            notes.append("\(error)")
        }
        attachments = host.interfaces.map {
            attachment.attach(program.program, to: $0).keeping(earlier[$0.name])
        }
        guard !host.interfaces.isEmpty else { return }
        do {
            try attachment.detach(allBut: host.interfaces)
        } catch {
            notes.append("\(error)")
        }
    }

    func heldInterfaces() throws(BPFError) -> [String: UInt32] {
        Dictionary(try attachment.heldLinks().map { (Pin.unescaped($0.pin), $0.index) }) { one, _ in one }
    }

    /// Takes the program off every interface; maps, records and counters stay.
    func detachAll() throws(BPFError) -> [String] {
        attachments = []
        return try attachment.detach()
    }

    /// Removes every pin, interfaces first.
    func uninstall() throws(BPFError) {
        try TunnelProbes(settings).remove()
        try attachment.detach()
        attachments = []
        loaded = nil
        tables = nil
        try Pin.remove(paths.program)
        for directory in [paths.links, paths.programs, paths.maps] { try Pin.removeTree(directory) }
        lock = nil
        try Pin.removeTree(paths.root)
    }
}

extension Attachment {
    /// Lets every interface that is held run another program.
    func update(to program: Program) throws(BPFError) {
        for name in try Pin.list(paths.links) {
            let link = try Link.open(pinned: "\(paths.links)/\(name)")
            if try link.interface != 0 { try link.update(to: program) }
        }
    }
}
