// SPDX-License-Identifier: Apache-2.0

import Model

/// What services have where they do not say otherwise.
struct ServiceDefaults {
    /// What durations may be; the kernel's programs count `flow-idle` and `udp-idle` in whole seconds,
    /// and a record's age wraps after six days.
    enum Bounds {
        static let drain = Duration.zero ... .seconds(7 * 86_400)
        static let flowIdle = Duration.seconds(1) ... .seconds(86_400)
        static let udpIdle = Duration.seconds(1) ... .seconds(3_600)
    }

    var drain = Duration.seconds(600)
    var flowIdle = Duration.seconds(3_600)
    var udpIdle = Duration.seconds(60)
    var pace = ProbePace()

    /// The document's own, else the built-in ones.
    init(_ reader: Reader?) {
        guard let reader,
            let fields = Fields(reader, of: "'defaults'", keys: ["drain", "flow-idle", "udp-idle", "health"])
        else { return }
        read(fields)
        guard let reader = fields["health"],
            let health = Fields(reader, of: "the default 'health'", keys: ProbePace.keys)
        else { return }
        pace.read(health)
    }

    /// Takes the durations that a mapping gives.
    mutating func read(_ fields: Fields) {
        drain = fields["drain"]?.duration(Bounds.drain, wholeSeconds: true) ?? drain
        flowIdle = fields["flow-idle"]?.duration(Bounds.flowIdle, wholeSeconds: true) ?? flowIdle
        udpIdle = fields["udp-idle"]?.duration(Bounds.udpIdle, wholeSeconds: true) ?? udpIdle
    }
}

/// How often backends are probed, and what counts.
struct ProbePace {
    static let keys = ["interval", "timeout", "rise", "fall"]

    var interval = Duration.seconds(2)
    var timeout = Duration.seconds(1)
    var rise = 2
    var fall = 3

    /// Takes what a mapping gives.
    mutating func read(_ fields: Fields) {
        let range = Duration.milliseconds(10) ... .seconds(3_600)
        interval = fields["interval"]?.duration(range) ?? interval
        timeout = fields["timeout"]?.duration(range) ?? timeout
        rise = fields["rise"]?.integer(1...100) ?? rise
        fall = fields["fall"]?.integer(1...100) ?? fall
        // One probe of a backend at a time.
        guard timeout > interval, let culprit = fields["timeout"] ?? fields["interval"] else { return }
        let message = "a timeout of \(DurationText.text(timeout)) is longer than the interval of "
        culprit.problem(message + DurationText.text(interval))
    }
}
