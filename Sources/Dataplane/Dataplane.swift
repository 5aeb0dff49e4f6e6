// SPDX-License-Identifier: Apache-2.0

import BPF
import Model

/// The packet path of this host: takes whole generations and makes the kernel do as they say. The only writer of the
/// maps.
///
/// Packets never wait for it: program, maps and links are pinned and go on without this process.
public actor Dataplane {
    private let installation: Installation

    public init(_ settings: DataplaneSettings) throws(BPFError) {
        installation = try Installation(settings)
    }

    /// Takes the lock on the pins and adopts what an earlier process left; what runs goes on as it is.
    ///
    /// - Throws: where another daemon has the pins, or they are not what this version makes.
    public func start() throws -> StartReport { try installation.start() }

    /// Puts a generation in force on this host; afterwards `finish` is due.
    ///
    /// Attaching is the last thing, so no packet meets empty maps. An interface that cannot be attached to is told of
    /// in the report; what it ran goes on.
    ///
    /// - Throws: what was refused. What ran goes on: no VIP is left without its backends, and another call completes
    ///   what was begun.
    public func apply(_ generation: Generation, on host: HostView) throws -> ApplyReport {
        try installation.apply(generation, on: host)
    }

    /// Does what may run behind a change: a grace period of the kernel, then removals. The next `apply` or `settle` does
    /// it otherwise.
    public func finish() throws { try installation.finish() }

    /// Replaces the program by one of just the features that are needed. Other calls go on while it is compiled.
    ///
    /// - Returns: the program, where it took over.
    public func narrow() async -> ProgramReport? {
        guard let narrowing = installation.narrowing() else { return nil }
        return installation.takeOver(await narrowing.outcome(), of: narrowing)
    }

    /// Interfaces that the program is on, by the names that they were attached under, though they may have others now:
    /// their indices.
    public func heldInterfaces() throws -> [String: UInt32] { try installation.heldInterfaces() }

    /// Indices of interfaces that packets come in by or may be redirected to.
    public func usedInterfaces() throws -> Set<UInt32> {
        let redirected = installation.tables?.assignedPorts.interfaces.values.map { $0 } ?? []
        return Set(try installation.heldInterfaces().values).union(redirected)
    }

    /// Compares every entry with the maps at the next `apply` and mends what differs, whoever changed it.
    public func distrust() { installation.tables?.distrust() }

    /// Settles slots whose previous backend nothing has used for the service's `flow-idle`.
    ///
    /// - Parameter now: seconds of `MonotonicClock`.
    /// - Returns: names of services that have no unsettled slot; none before the first `apply`.
    public func settle(now: UInt32 = MonotonicClock.seconds()) throws -> Set<String> {
        try installation.tables?.settle(now: now) ?? []
    }

    /// Frees records that say nothing any more; at least once in six days.
    @discardableResult
    public func sweep(now: UInt32 = MonotonicClock.seconds()) throws -> Int {
        try installation.tables?.sweep(now: now) ?? 0
    }

    /// Takes the program off every interface; maps, records and counters stay.
    ///
    /// - Returns: the interfaces' pins.
    @discardableResult
    public func detachAll() throws -> [String] { try installation.detachAll() }

    /// Removes all that this host has in the kernel.
    public func uninstall() throws { try installation.uninstall() }

    public var status: DataplaneStatus { installation.status }
}

extension Installation {
    var status: DataplaneStatus {
        DataplaneStatus(
            bpfRoot: paths.root, program: loaded.map(ProgramReport.init), attachments: attachments,
            epoch: tables?.generation?.epoch, number: tables?.generation?.number,
            isolated: tables?.applied?.isolatedServices ?? [], unsettled: tables?.unsettledServices ?? [],
            hasPending: tables?.hasPending ?? false, notes: notes + [narrowingNote].compactMap(\.self))
    }
}
