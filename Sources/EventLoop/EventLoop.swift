// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
import Synchronization

/// One thread that waits for descriptors, timers and work from other threads: epoll(7).
///
/// It is an actor's executor as well: an actor that names it in `unownedExecutor` runs on the loop's thread, and may
/// then register descriptors and timers whose handlers touch the actor's state directly. Handlers and registrations
/// belong to that thread alone; calling them from another one is a programming error and traps.
///
/// Nothing is allocated a readiness event, a timer that fires or a job.
public final class EventLoop: SerialExecutor, @unchecked Sendable {
    // Unchecked: `registrations`, `sinks`, `timers`, `timerHandlers`, `jobs`, `turn` and `events` are touched by the
    // loop's thread alone (`assertCurrent`), before it runs by nobody; all else is immutable or synchronized.

    public let name: String
    let epoll: Descriptor
    private let wake: Descriptor
    private let inbox = Mutex(Inbox())
    private let stopping = Atomic(false)
    private let thread = Atomic<UInt>(0)
    private let joinable = Mutex<pthread_t?>(nil)

    private var registrations = RegistrationTable()
    var sinks: [((_ token: UInt64, Readiness) -> Void)?] = []
    private var timers = TimerQueue()
    private var timerHandlers: [(() -> Void)?] = []
    private var jobs: [Job] = []
    private var turn = Turn()
    private let events: UnsafeMutableBufferPointer<epoll_event>

    /// What is to be done once more before the loop waits.
    struct Turn {
        var handlers: [() -> Bool] = []
        var isAsked = false
    }

    private enum Job {
        case actor(UnownedJob)
        case body(@Sendable () -> Void)
    }

    private struct Inbox {
        var jobs: [Job] = []
    }

    /// Of the wake-up descriptor: no slot has this index.
    private static let wakeToken = UInt64.max

    /// A loop that runs when somebody calls `run()`.
    public init(name: String) throws(EventLoopError) {
        self.name = name
        epoll = try Descriptor(adopting: linux_epoll_create(), operation: "open epoll of loop", subject: name)
        wake = try Descriptor(adopting: linux_eventfd(), operation: "open eventfd of loop", subject: name)
        events = .allocate(capacity: 256)
        let added = linux_epoll_control(
            epoll.rawValue, EPOLL_CTL_ADD, wake.rawValue, Readiness.readable.rawValue, Self.wakeToken)
        guard added == 0 else {
            throw EventLoopError(operation: "watch eventfd of loop", subject: name, errno: errno)
        }
    }

    deinit { events.deallocate() }

    /// A loop on a thread of its own, named after it (the first 15 bytes).
    public static func start(name: String) throws(EventLoopError) -> EventLoop {
        let loop = try EventLoop(name: name)
        var thread = pthread_t()
        let context = Unmanaged.passRetained(loop)
        let failure = pthread_create(&thread, nil, runThread, context.toOpaque())
        guard failure == 0 else {
            context.release()
            throw EventLoopError(operation: "start thread of loop", subject: name, errno: failure)
        }
        loop.joinable.withLock { $0 = thread }
        return loop
    }

    /// Whether the calling thread is the loop's.
    public var isCurrent: Bool { thread.load(ordering: .relaxed) == UInt(pthread_self()) }

    /// Serves until `stop()`; what was enqueued by then is still done.
    ///
    /// The calling thread blocks SIGPIPE from now on: splice(2) to a socket that was reset raises it, and takes no flag
    /// against it as send(2) does.
    public func run() {
        thread.store(UInt(pthread_self()), ordering: .relaxed)
        linux_block_pipe_signal()
        while !stopping.load(ordering: .acquiring) {
            wait()
            fireTimers()
            runJobs()
            endTurn()
        }
        runJobs()
        thread.store(0, ordering: .relaxed)
    }

    /// Asks the loop to end and waits for its thread, if it has one of its own. Stop a loop after all that runs on it:
    /// a job enqueued later is never run.
    public func stop() {
        stopping.store(true, ordering: .releasing)
        signal()
        if isCurrent { return }
        let thread = joinable.withLock { thread in
            defer { thread = nil }
            return thread
        }
        if let thread { pthread_join(thread, nil) }
    }

    private func signal() {
        var one: UInt64 = 1
        // It only fails when the counter is full, and then the loop is about to wake anyway.
        _ = write(wake.rawValue, &one, 8)
    }

    func assertCurrent() {
        precondition(isCurrent, "called from another thread than the loop's")
    }

    private func wait() {
        let count = epoll_wait(epoll.rawValue, events.baseAddress, Int32(events.count), patience())
        if count < 0 {
            precondition(errno == EINTR, "epoll_wait of loop \(name): \(EventLoopError.text(of: errno))")
            return
        }
        for index in 0..<Int(count) {
            let event = events[index]
            if event.data.u64 == Self.wakeToken {
                var value: UInt64 = 0
                _ = read(wake.rawValue, &value, 8)
            } else if event.data.u64 & SinkID.mark != 0 {
                deliver(event.data.u64, Readiness(rawValue: event.events))
            } else if let handler = registrations.handler(token: event.data.u64) {
                handler(Readiness(rawValue: event.events))
            }
        }
    }

    /// Milliseconds until the next timer, rounded up so that it is due then; -1 for ever.
    private func patience() -> Int32 {
        if turn.isAsked || inbox.withLock({ !$0.jobs.isEmpty }) || stopping.load(ordering: .acquiring) { return 0 }
        guard let deadline = timers.earliest else { return -1 }
        let remaining = deadline.nanoseconds - MonotonicInstant.now.nanoseconds
        return remaining <= 0 ? 0 : Int32(clamping: (remaining + 999_999) / 1_000_000)
    }

    private func fireTimers() {
        // Not more than are armed now: a handler that arms itself for 'at once' must not keep descriptors waiting.
        var budget = timers.armedCount
        guard budget > 0 else { return }
        let now = MonotonicInstant.now
        while budget > 0, let timer = timers.expire(at: now) {
            budget -= 1
            if let handler = timerHandlers[Int(timer.index)] { handler() }
        }
    }

    private func runJobs() {
        inbox.withLock { swap(&$0.jobs, &jobs) }
        let executor = asUnownedSerialExecutor()
        // By index, not by iterator: the array is touched by nobody else until it is emptied, keeping its room.
        for index in jobs.indices {
            switch jobs[index] {
            case .actor(let job): job.runSynchronously(on: executor)
            case .body(let body): body()
            }
        }
        jobs.removeAll(keepingCapacity: true)
    }

    private func endTurn() {
        turn.isAsked = false
        for index in turn.handlers.indices where turn.handlers[index]() { turn.isAsked = true }
    }

    private func push(_ job: Job) {
        let wasEmpty = inbox.withLock { inbox in
            inbox.jobs.append(job)
            return inbox.jobs.count == 1
        }
        // The loop's own thread looks into the inbox before it waits.
        if wasEmpty && !isCurrent { signal() }
    }
}

private func runThread(_ context: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    guard let context else { return nil }
    let loop = Unmanaged<EventLoop>.fromOpaque(context).takeRetainedValue()
    _ = linux_name_thread(loop.name)
    loop.run()
    return nil
}

// MARK: Work from any thread

extension EventLoop {
    public func enqueue(_ job: consuming ExecutorJob) { push(.actor(UnownedJob(job))) }

    /// Runs `body` on the loop's thread, soon.
    public func execute(_ body: @escaping @Sendable () -> Void) { push(.body(body)) }

    public func checkIsolated() { assertCurrent() }

    public func isIsolatingCurrentContext() -> Bool? { isCurrent }
}

// MARK: Descriptors, on the loop's thread

extension EventLoop {
    /// Calls `handler` on the loop's thread whenever the descriptor is ready for what was asked, until `deregister`,
    /// which must precede closing.
    public func register(
        _ descriptor: borrowing Descriptor, for interest: Readiness, handler: @escaping (Readiness) -> Void
    ) throws(EventLoopError) -> Registration {
        assertCurrent()
        let registration = registrations.add(descriptor.rawValue, handler)
        guard
            linux_epoll_control(
                epoll.rawValue, EPOLL_CTL_ADD, descriptor.rawValue, interest.rawValue, registration.token) == 0
        else {
            let cause = errno
            _ = registrations.remove(registration)
            throw EventLoopError(operation: "watch", subject: "descriptor \(descriptor.rawValue)", errno: cause)
        }
        return registration
    }

    /// Asks for something else from now on.
    public func change(_ registration: Registration, to interest: Readiness) throws(EventLoopError) {
        assertCurrent()
        guard let descriptor = registrations.descriptor(of: registration) else {
            throw EventLoopError(operation: "change watch of", subject: "a descriptor that is gone", errno: ENOENT)
        }
        guard
            linux_epoll_control(epoll.rawValue, EPOLL_CTL_MOD, descriptor, interest.rawValue, registration.token) == 0
        else {
            throw EventLoopError(operation: "change watch of", subject: "descriptor \(descriptor)", errno: errno)
        }
    }

    /// Its handler is not called again, not even for an event that has been fetched already.
    public func deregister(_ registration: Registration) {
        assertCurrent()
        guard let descriptor = registrations.remove(registration) else { return }
        // It fails only for a descriptor that was closed too early, which epoll has forgotten by itself.
        _ = linux_epoll_control(epoll.rawValue, EPOLL_CTL_DEL, descriptor, 0, 0)
    }
}

// MARK: Turns, on the loop's thread

extension EventLoop {
    /// Calls `handler` at the end of each turn, when all that was ready has been told: here goes what is gathered over a
    /// turn. Where it answers true there is more to do at once, and the next turn does not wait.
    public func onTurn(_ handler: @escaping () -> Bool) {
        assertCurrent()
        turn.handlers.append(handler)
        turn.isAsked = true
    }
}

// MARK: Timers, on the loop's thread

extension EventLoop {
    /// A timer that is not armed. It serves any number of times, until `remove`.
    public func timer(_ handler: @escaping () -> Void) -> TimerID {
        assertCurrent()
        let timer = timers.add()
        let index = Int(timer.index)
        if index == timerHandlers.count { timerHandlers.append(handler) } else { timerHandlers[index] = handler }
        return timer
    }

    public func arm(_ timer: TimerID, at deadline: MonotonicInstant) {
        assertCurrent()
        timers.arm(timer, at: deadline)
    }

    public func arm(_ timer: TimerID, after delay: Duration) {
        arm(timer, at: MonotonicInstant.now.advanced(by: delay))
    }

    public func disarm(_ timer: TimerID) {
        assertCurrent()
        timers.disarm(timer)
    }

    public func remove(_ timer: TimerID) {
        assertCurrent()
        if timers.remove(timer) { timerHandlers[Int(timer.index)] = nil }
    }
}
