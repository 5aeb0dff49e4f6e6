// SPDX-License-Identifier: Apache-2.0

import CLinux
import EventLoop
import Glibc
import Model

/// Keeps the next hop of every wanted address as the kernel sees it: routes, neighbours and links by netlink.
///
/// Events only make it look sooner. All is read again every 30 seconds, so that losing an event costs time, never
/// truth. It runs on its loop's thread, and asks the kernel there.
public actor NextHopTable {
    /// What it has seen so far.
    public struct Counts: Hashable, Sendable {
        /// How often events were lost (ENOBUFS).
        public var overruns = 0
        public var fullReads = 0
        /// Questions that the kernel did not answer; the last one's error beside it.
        public var failures = 0
        public var lastFailure: String?
    }

    public nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    /// Every change, as the whole table. Only the newest waits for a slow reader; there is one reader.
    public nonisolated let updates: AsyncStream<[IPAddress: NextHop]>

    public private(set) var hops: [IPAddress: NextHop] = [:]
    /// The wanted addresses that have no next hop, and why.
    public private(set) var missing: [IPAddress: MissingNextHop] = [:]
    public private(set) var counts = Counts()

    private let loop: EventLoop
    private let publish: AsyncStream<[IPAddress: NextHop]>.Continuation
    private var socket: NetlinkSocket
    private let events: Descriptor
    private var registration: Registration?
    private var timers: (full: TimerID, soon: TimerID, patience: TimerID)?
    private var state = Resolution()
    private var changedPrefixes: [IPPrefix] = []
    private var mustReadAll = false
    private var isGathering = false
    /// When the kernel was last told to look for each neighbour that is unknown.
    private var lookedFor: [NeighbourKey: MonotonicInstant] = [:]

    private static let fullReadInterval = Duration.seconds(30)
    /// How long changes of routes and lost events gather before the kernel is asked.
    private static let gathering = Duration.milliseconds(100)
    /// Above so many changed routes everything is asked for again.
    private static let prefixesMax = 64
    /// The kernel gives up after three seconds; what nobody answered for is looked for again.
    private static let lookAgain = Duration.seconds(2)
    /// How long `resolve` waits for neighbours that were never heard of.
    private static let firstAnswer = Duration.milliseconds(500)

    /// Opens its sockets in the network namespace of the calling thread.
    public init(loop: EventLoop) throws(EventLoopError) {
        self.loop = loop
        socket = try NetlinkSocket()
        events = try Descriptor.netlinkEvents()
        (updates, publish) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Follows events and reads everything again from time to time, until its task is cancelled.
    public func run() async throws {
        // The handlers keep the table alive until `stop`.
        registration = try loop.register(events, for: .readable) { _ in self.readEvents() }
        timers = (
            full: loop.timer { self.readAll() }, soon: loop.timer { self.readChanged() },
            patience: loop.timer { self.decide() }
        )
        readAll()
        // Nothing is ever sent on it: waiting ends when the task is cancelled.
        let (forever, end) = AsyncStream.makeStream(of: Never.self)
        for await _ in forever {}
        end.finish()
        stop()
    }

    /// Sets what is wanted from now on, and answers what is known of it. An address that was not wanted before may cost
    /// half a second, in which its neighbour is looked for.
    public func resolve(_ addresses: Set<IPAddress>) async throws -> [IPAddress: NextHop] {
        let fresh = addresses.subtracting(state.wanted)
        state.want(addresses)
        try readLinks()
        try readNeighbours()
        try readRoutes(state.unasked)
        decide()
        let deadline = MonotonicInstant.now.advanced(by: Self.firstAnswer)
        while fresh.contains(where: isAwaited), MonotonicInstant.now < deadline {
            try await Task.sleep(for: .milliseconds(20))
            try readNeighbours()
            decide()
        }
        return hops
    }

    private func isAwaited(_ address: IPAddress) -> Bool {
        if case .noNeighbour = missing[address] { return true }
        return false
    }

    private func stop() {
        if let registration { loop.deregister(registration) }
        registration = nil
        if let timers {
            loop.remove(timers.full)
            loop.remove(timers.soon)
            loop.remove(timers.patience)
        }
        timers = nil
        isGathering = false
    }

    // MARK: Events

    private func readEvents() {
        do {
            while let datagram = try events.netlinkEvent() {
                for message in try NetlinkMessage.messages(in: datagram) { try take(message) }
            }
        } catch let error as EventLoopError where error.errno == ENOBUFS {
            counts.overruns += 1
            mustReadAll = true
        } catch {
            note(error)
            mustReadAll = true
        }
        if mustReadAll || !changedPrefixes.isEmpty { readSoon() }
    }

    private func take(_ message: NetlinkMessage) throws {
        switch Int(message.type) {
        case Int(RTM_NEWLINK), Int(RTM_DELLINK):
            // Not read from the event: bridges and IPv6 send such of their own, in which half is missing or 'gone'
            // means something else. Routes go with links, and for IPv6 not every one is told of.
            mustReadAll = true
        case Int(RTM_NEWNEIGH):
            guard let neighbour = try Neighbour(netlink: message.body) else { return }
            if state.appear(neighbour, at: .now) { decideSoon() }
        case Int(RTM_DELNEIGH):
            guard let neighbour = try Neighbour(netlink: message.body) else { return }
            state.lose(neighbour.key, at: .now)
            decideSoon()
        case Int(RTM_NEWROUTE), Int(RTM_DELROUTE):
            guard let prefix = try changedPrefix(netlink: message.body) else { return }
            if changedPrefixes.count >= Self.prefixesMax { mustReadAll = true } else { changedPrefixes.append(prefix) }
        default:
            return
        }
    }

    private func readSoon() {
        // Not put off by what comes meanwhile: events without end must not keep it waiting.
        guard let timers, !isGathering else { return }
        isGathering = true
        loop.arm(timers.soon, after: Self.gathering)
    }

    private func decideSoon() {
        guard let timers else { return }
        loop.arm(timers.patience, after: .zero)
    }

    // MARK: Questions

    private func readAll() {
        mustReadAll = false
        changedPrefixes = []
        counts.fullReads += 1
        attempt {
            try readLinks()
            try readNeighbours()
            try readRoutes(Array(state.wanted))
            // Forwarded frames confirm no neighbour, so it is this that notices a dead or changed one.
            for key in state.needed { try use(key) }
        }
        decide()
        if let timers { loop.arm(timers.full, after: Self.fullReadInterval) }
    }

    private func readChanged() {
        isGathering = false
        if mustReadAll { return readAll() }
        let affected = Set(changedPrefixes.flatMap(state.affected))
        changedPrefixes = []
        attempt { try readRoutes(Array(affected)) }
        decide()
    }

    private func attempt(_ body: () throws -> Void) {
        do { try body() } catch { note(error) }
    }

    private func note(_ error: any Error) {
        counts.failures += 1
        counts.lastFailure = "\(error)"
    }

    private func readLinks() throws {
        state.replace(links: try socket.ask(.links).map { try NetworkLink(netlink: $0.body) })
    }

    private func readNeighbours() throws {
        let list = try socket.ask(.neighbours).compactMap { try Neighbour(netlink: $0.body) }
        state.replace(neighbours: list, at: .now)
    }

    private func readRoutes(_ addresses: [IPAddress]) throws {
        for address in addresses { state.answer(try route(to: address), for: address) }
    }

    private func route(to address: IPAddress) throws -> RouteAnswer {
        do {
            guard let message = try socket.ask(.route(address)).first else { return .refused(.noRoute) }
            return try RouteAnswer(netlink: message.body)
        } catch let error as EventLoopError {
            guard let answer = RouteAnswer(errno: error.errno) else { throw error }
            return answer
        }
    }

    private func use(_ key: NeighbourKey) throws {
        _ = try socket.ask(.use(key))
    }

    private func look(for unknown: Set<NeighbourKey>, at now: MonotonicInstant) {
        lookedFor = lookedFor.filter { unknown.contains($0.key) && now < $0.value.advanced(by: Self.lookAgain) }
        for key in unknown where lookedFor[key] == nil {
            lookedFor[key] = now
            attempt { try use(key) }
        }
    }

    /// Draws the conclusions of all that is known, and tells of them where they are new.
    private func decide() {
        let now = MonotonicInstant.now
        let outcome = state.outcome(at: now)
        look(for: outcome.unknown, at: now)
        let lookAgain = outcome.unknown.isEmpty ? nil : now.advanced(by: Self.lookAgain)
        if let deadline = [outcome.reconsider, lookAgain].compactMap(\.self).min(), let timers {
            loop.arm(timers.patience, at: deadline)
        }
        missing = outcome.missing
        guard outcome.hops != hops else { return }
        hops = outcome.hops
        publish.yield(hops)
    }
}
