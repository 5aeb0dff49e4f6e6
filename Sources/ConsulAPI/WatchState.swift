// SPDX-License-Identifier: Apache-2.0

/// Follows one thing in Consul by long polls: told what was answered and when, it says what is new and what to ask next.
///
/// It knows no clock and no network. Times are a clock's readings in ascending order; jitter is random in 0..<1.
public struct WatchState<Payload: Equatable & Sendable>: Sendable {
    private let settings: WatchSettings
    /// Of the answer before; 0 before the first, and after everything that makes it doubtful.
    private var index: UInt64 = 0
    private var asked: WatchQuestion
    private var failures = 0
    private var pacing: Pacing
    /// What was answered last, believed or not.
    private var seen: Payload?
    /// What may be obeyed; nil before the first such answer.
    public private(set) var held: Payload?
    private var holdsSomething = false

    /// - Parameter holding: What was held before, by another watcher of the same; nil for nothing.
    public init(
        _ settings: WatchSettings = WatchSettings(), holding: Payload? = nil, isEmpty: Bool = true, at now: Duration
    ) {
        self.settings = settings
        held = holding
        seen = holding
        holdsSomething = holding != nil && !isEmpty
        pacing = settings.pacing
        asked = WatchQuestion(consistency: settings.consistency, blocking: nil, notBefore: now)
    }

    /// What is to be asked now; at first without blocking, so that the whole state comes at once.
    public var question: WatchQuestion { asked }

    /// Consul's index is no statement of change, and may go back: the payload is compared.
    public mutating func answered(_ answer: WatchAnswer<Payload>, at now: Duration) -> WatchNews<Payload> {
        failures = 0
        if mustAskTheLeader(answer) {
            index = 0
            asked = WatchQuestion(consistency: .default, blocking: nil, notBefore: now)
            return .none
        }
        let worth: Pacing.Answer = answer.payload != seen ? .news : answer.isEmpty ? .nothing : .nothingNew
        seen = answer.payload
        followIndex(of: answer, notBefore: pacing.next(at: now, worth))
        if let suspicion = suspicion(of: answer) { return .suspicious(suspicion, answer.payload) }
        guard let payload = answer.payload, payload != held else { return .confirmed }
        held = payload
        holdsSomething = !answer.isEmpty
        return .changed(payload)
    }

    /// Whatever failed: what is held stays, and the next question asks for the whole, since a server that was restarted
    /// would let a question with an index from its future wait.
    public mutating func failed(retryAfter: Duration? = nil, at now: Duration, jitter: Double) {
        let delay = min(settings.firstRetry * (1 << min(failures, 16)), settings.longestRetry)
        failures += 1
        index = 0
        let jittered = delay * 3 / 4 + delay / 2 * jitter
        asked = WatchQuestion(
            consistency: settings.consistency, blocking: nil, notBefore: now + max(jittered, retryAfter ?? .zero))
    }

    /// A stale answer that is too old, that goes back, or that would take everything away: another server knows more.
    private func mustAskTheLeader(_ answer: WatchAnswer<Payload>) -> Bool {
        guard case .stale(let age) = asked.consistency else { return false }
        return answer.isOlder(than: age) || (answer.index ?? 0) < index || answer.isEmpty && holdsSomething
    }

    private mutating func followIndex(of answer: WatchAnswer<Payload>, notBefore: Duration) {
        let new = max(answer.index ?? 1, 1)
        let hasGoneBack = new < index
        index = hasGoneBack ? 0 : new
        asked = WatchQuestion(
            consistency: settings.consistency,
            blocking: hasGoneBack ? nil : ConsulBlocking(index: new, wait: settings.wait), notBefore: notBefore)
    }

    private func suspicion(of answer: WatchAnswer<Payload>) -> Suspicion? {
        if answer.payload == nil { return .missing }
        if answer.filteredByACLs { return .filtered }
        return answer.isEmpty && holdsSomething ? .emptied : nil
    }
}

public struct WatchSettings: Hashable, Sendable {
    public var consistency: ConsulConsistency
    /// How long a server may hold a question. It bounds the age of what is held while all is well.
    public var wait: Duration
    /// After a failure; twice as long after each further one, up to the longest, a quarter more or less.
    public var firstRetry: Duration
    public var longestRetry: Duration
    public var pacing: Pacing

    public init(
        consistency: ConsulConsistency = .default, wait: Duration = .seconds(60),
        firstRetry: Duration = .milliseconds(200), longestRetry: Duration = .seconds(15), pacing: Pacing = Pacing()
    ) {
        self.consistency = consistency
        self.wait = wait
        self.firstRetry = firstRetry
        self.longestRetry = longestRetry
        self.pacing = pacing
    }
}

/// What to ask, and when.
public struct WatchQuestion: Hashable, Sendable {
    public let consistency: ConsulConsistency
    /// Nil: answer at once.
    public let blocking: ConsulBlocking?
    public let notBefore: Duration

    public init(consistency: ConsulConsistency, blocking: ConsulBlocking?, notBefore: Duration) {
        self.consistency = consistency
        self.blocking = blocking
        self.notBefore = notBefore
    }
}

/// What was answered.
public struct WatchAnswer<Payload: Equatable & Sendable>: Sendable {
    /// Canonical, so that equal states are equal; nil where there is no such thing (404).
    public let payload: Payload?
    public let isEmpty: Bool
    public let index: UInt64?
    public let knownLeader: Bool
    public let lastContact: Duration
    public let filteredByACLs: Bool

    public init(
        payload: Payload?, isEmpty: Bool, index: UInt64?, knownLeader: Bool = true, lastContact: Duration = .zero,
        filteredByACLs: Bool = false
    ) {
        self.payload = payload
        self.isEmpty = isEmpty
        self.index = index
        self.knownLeader = knownLeader
        self.lastContact = lastContact
        self.filteredByACLs = filteredByACLs
    }

    public init(payload: Payload?, isEmpty: Bool, response: ConsulResponse) {
        self.init(
            payload: payload, isEmpty: isEmpty, index: response.index, knownLeader: response.knownLeader ?? true,
            lastContact: response.lastContact ?? .zero, filteredByACLs: response.filteredByACLs ?? false)
    }

    func isOlder(than age: Duration) -> Bool { !knownLeader || lastContact > age }
}

/// Why an answer is not obeyed as it stands.
public enum Suspicion: String, Hashable, Sendable, CaseIterable {
    /// Nothing, where there was something: all gone, or a token that may read no more.
    case emptied
    /// The server says that the token may not read all.
    case filtered
    /// There is no such thing any more (404).
    case missing
}

public enum WatchNews<Payload: Equatable & Sendable>: Equatable, Sendable {
    case changed(Payload)
    /// What is held is what Consul has.
    case confirmed
    /// What is held stays; beside it what was answered.
    case suspicious(Suspicion, Payload?)
    /// The answer was no good; another server is asked.
    case none
}
