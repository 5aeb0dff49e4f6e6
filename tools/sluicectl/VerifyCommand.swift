// SPDX-License-Identifier: Apache-2.0

import Admin
import ArgumentParser
import Dataplane
import Model

/// `sluicectl map verify`: the kernel against what is in force.
struct VerifyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Compare the kernel with the generation in force and this host's down set; exit 3 where they differ.",
        discussion: """
            A difference is reported only when it stays: a change that is under way is waited for, up to five seconds.
            """)

    @Flag(help: "Have the daemon write what differs, and compare again.")
    var repair = false

    @OptionGroup var options: CommonOptions

    func run() async throws {
        let state = try LocalState(options)
        let kernel = try Reach.kernel(of: state.host)
        var look = try await Look.sure(from: state, options, kernel)
        if repair, !look.verify.differences.isEmpty {
            if options.output == .table { Terminal.print(look.verify.differences.map { "\($0)\n" }.joined()) }
            try await AdminClient(host: options).post("/v1/repair")
            look = try await Look.sound(from: look.state, options, kernel)
        }
        switch options.output {
        case .json: try printJSON(Report(look))
        case .table: Terminal.print(look.text)
        }
        guard look.verify.differences.isEmpty else {
            throw ArgumentParser.ExitCode(Admin.ExitCode.differences.rawValue)
        }
    }

    private struct Report: Encodable {
        struct Difference: Encodable {
            var kind: String
            var subject: String
            var count: Int
            var text: String
        }

        /// In force.
        var generation: String
        var accepted: String
        var services: Int
        var slots: Int
        var backends: Int
        var differences: [Difference]

        init(_ look: Look) {
            generation = look.state.mark
            accepted = look.state.accepted.mark
            services = look.verify.services
            slots = look.verify.slots
            backends = look.verify.backends
            differences = look.verify.differences.map {
                .init(kind: $0.kind.rawValue, subject: $0.subject, count: $0.count, text: "\($0)")
            }
        }
    }
}

/// One comparison, and when another is needed.
private struct Look {
    let state: LocalState
    let verify: Verify
    let milliseconds: Double

    /// Five seconds: a generation waits two for its next hops.
    private static let looks = 25
    private static let pause = Duration.milliseconds(200)
    /// So many that are alike are no accident.
    private static let alike = 3

    init(_ state: LocalState, _ kernel: KernelState) throws {
        let clock = ContinuousClock()
        let start = clock.now
        self.state = state
        verify = try Verify(state.generation, down: state.down, kernel: kernel)
        milliseconds = start.duration(to: clock.now) / .milliseconds(1)
    }

    /// The first without a difference; else the one that others like it confirmed while nothing was under way.
    static func sure(from state: LocalState, _ options: CommonOptions, _ kernel: KernelState) async throws -> Look {
        var look = try Look(state, kernel)
        var same = 1
        for _ in 1..<looks where !look.verify.differences.isEmpty && (same < alike || look.state.isChanging) {
            try await Task.sleep(for: pause)
            let next = try Look(look.state.again(options), kernel)
            same = next.isLike(look) ? same + 1 : 1
            look = next
        }
        return look
    }

    /// The first without a difference, else the last.
    static func sound(from state: LocalState, _ options: CommonOptions, _ kernel: KernelState) async throws -> Look {
        var look = try Look(state.again(options), kernel)
        for _ in 1..<looks where !look.verify.differences.isEmpty {
            try await Task.sleep(for: pause)
            look = try Look(look.state.again(options), kernel)
        }
        return look
    }

    private func isLike(_ other: Look) -> Bool {
        verify.differences == other.verify.differences && state.mark == other.state.mark
            && state.accepted.mark == other.state.accepted.mark && state.down == other.state.down
    }

    var text: String {
        let checked =
            "\(verify.services) services, \(verify.slots) slots, \(verify.backends) backends checked in "
            + "\(Units.fixed(milliseconds, 0)) ms"
        let count = verify.differences.count
        guard count > 0 else { return state.changeText + checked + "; the kernel holds what it should\n" }
        let lines = verify.differences.map { "\($0)\n" }.joined()
        return lines + state.changeText + checked + "; \(count) \(count == 1 ? "difference" : "differences").\n"
            + "Mend: sluicectl map verify --repair\n"
    }
}
