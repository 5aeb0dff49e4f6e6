// SPDX-License-Identifier: Apache-2.0

import EventLoop
import Model

/// Probes every watched backend at its interval, and tells who is up and who is down.
///
/// It runs on its loop's thread. A round of probes is spread over the interval, and not more than a bounded number are
/// under way at once; the others wait in order.
public actor HealthMonitor {
    public typealias Verdicts = [ProbeTarget.Key: Verdict]

    public nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    /// Every change of a standing, as the verdicts of all. Only the newest waits for a slow reader; it has one reader.
    public nonisolated let updates: AsyncStream<Verdicts>

    private let loop: EventLoop
    private let concurrency: Int
    private let publish: AsyncStream<Verdicts>.Continuation
    private var watched: [ProbeTarget.Key: Watched] = [:]
    private var waiting = Backlog()
    private var underWay = 0
    private var isRunning = false
    /// Set while a change waits to be told.
    private var telling: TimerID?

    /// How long changes gather before all verdicts are told.
    private static let gathering = Duration.milliseconds(20)

    /// At most `concurrency` probes are under way at once.
    public init(loop: EventLoop, concurrency: Int = 512) {
        self.loop = loop
        self.concurrency = concurrency
        (updates, publish) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Probes until its task is cancelled.
    public func run() async {
        isRunning = true
        for one in watched.values { begin(one) }
        // Nothing is ever sent on it: waiting ends when the task is cancelled.
        let (forever, end) = AsyncStream.makeStream(of: Never.self)
        for await _ in forever {}
        end.finish()
        isRunning = false
        for one in watched.values { halt(one) }
        waiting = Backlog()
        if let telling { loop.remove(telling) }
        telling = nil
    }

    /// Replaces what is watched. Targets whose address, port and kind of probe stay keep what is known of them; new
    /// ones that are in `down` begin as down, as the last run of this host saw them.
    public func watch(_ targets: [ProbeTarget], down: Set<ProbeTarget.Key> = []) {
        let wanted = Dictionary(targets.map { ($0.key, $0) }, uniquingKeysWith: { $1 })
        for (key, one) in watched where wanted[key]?.subject != one.target.subject {
            halt(one)
            watched[key] = nil
        }
        for (key, target) in wanted {
            if let one = watched[key] {
                one.change(to: target)
                if let timer = one.timer { loop.arm(timer, at: one.schedule.next) }
            } else {
                let one = Watched(target, down.contains(key) ? .down : .unknown)
                watched[key] = one
                if isRunning { begin(one) }
            }
        }
        publish.yield(verdicts)
    }

    /// What is known now, of every watched target.
    public var verdicts: Verdicts { watched.mapValues(\.verdict) }

    private func begin(_ one: Watched) {
        guard one.target.port != 0, !one.target.isHeld else { return }
        let key = one.target.key
        // These keep the monitor alive until `halt`, which `run` never leaves out.
        one.probe = Probe(on: loop) { [unowned one] result in self.finish(one, result) }
        let timer = loop.timer { self.due(key) }
        one.timer = timer
        loop.arm(timer, at: one.schedule.next)
    }

    private func halt(_ one: Watched) {
        one.probe?.close()
        one.probe = nil
        if let timer = one.timer { loop.remove(timer) }
        one.timer = nil
        guard one.isProbing else { return }
        one.isProbing = false
        underWay -= 1
        startWaiting()
    }

    private func due(_ key: ProbeTarget.Key) {
        guard let one = watched[key], let timer = one.timer else { return }
        one.schedule.advance(past: .now)
        loop.arm(timer, at: one.schedule.next)
        // A probe that outlasts its interval is not overtaken by the next.
        if one.isProbing { return }
        if underWay < concurrency { start(one) } else { waiting.append(key) }
    }

    private func start(_ one: Watched) {
        one.isProbing = true
        underWay += 1
        one.probe?.start(one.target)
    }

    private func finish(_ one: Watched, _ result: Probe.Result) {
        one.isProbing = false
        underWay -= 1
        if one.record(result) { tellSoon() }
        startWaiting()
    }

    private func tellSoon() {
        guard telling == nil else { return }
        let timer = loop.timer { self.tell() }
        telling = timer
        loop.arm(timer, after: Self.gathering)
    }

    private func tell() {
        if let telling { loop.remove(telling) }
        telling = nil
        publish.yield(verdicts)
    }

    private func startWaiting() {
        while isRunning, underWay < concurrency, let key = waiting.next() {
            if let one = watched[key], one.probe != nil, !one.isProbing { start(one) }
        }
    }
}
