// SPDX-License-Identifier: Apache-2.0

import Admin
import ArgumentParser
import Benchmark
import Dispatch
import Documents
import Glibc

/// `sluicectl bench`: what the packet path and the control path cost on this very host.
struct BenchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench",
        abstract: "Measure the packet path and the control path; touches neither the host's interfaces nor its pins.",
        discussion: """
            Works in a network namespace and with pins of its own (/sys/fs/bpf/sluice-bench-PID), gone afterwards. \
            Exits with 1 where a bound is passed; fewer than 5 rounds are not judged. Other load on the host shows in \
            the figures.
            """,
        subcommands: [DatapathBenchCommand.self, ControlBenchCommand.self])
}

/// What both benchmarks take.
struct BenchOptions: ParsableArguments {
    @Flag(help: "Print JSON; its keys are stable.")
    var json = false

    @Option(help: "Rounds, of which the median counts; of fewer than 5 it says too little for a verdict.")
    var rounds = 7

    @Option(help: "The folder of the kernel programs' source (default: the configuration's).", completion: .directory)
    var sources: String?

    @OptionGroup var common: CommonOptions

    var printsJSON: Bool { json || common.output == .json }

    /// Whether the figures may be held against the bounds.
    var isJudged: Bool { rounds >= 5 }

    func validate() throws {
        guard (1...99).contains(rounds) else { throw ValidationError("--rounds: \(rounds) is not in 1...99") }
    }

    func settings() throws -> BenchmarkSettings {
        let directories = try self.directories()
        return BenchmarkSettings(
            sources: sources ?? directories.bpf, cache: directories.cache, rounds: rounds, progress: BenchProgress.show)
    }

    /// The configuration's; a host without one can be measured, too.
    private func directories() throws -> HostConfiguration.Directories {
        if access(common.config, F_OK) == 0 { return try common.host().directories }
        var directories = HostConfiguration.Directories()
        if access(directories.bpf, F_OK) != 0, let checkout = Self.checkout() { directories.bpf = checkout }
        return directories
    }

    /// The sources beside a build of the tool, in some folder above it.
    private static func checkout() -> String? {
        var path = [CChar](repeating: 0, count: Int(PATH_MAX))
        guard readlink("/proc/self/exe", &path, path.count - 1) > 0 else { return nil }
        var parts = path.withUnsafeBytes { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
            .split(separator: "/")
        while !parts.isEmpty {
            parts.removeLast()
            let folder = "/\(parts.joined(separator: "/"))/bpf"
            if access("\(folder)/bench.bpf.c", R_OK) == 0 { return folder }
        }
        return nil
    }
}

struct DatapathBenchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "datapath",
        abstract: "Nanoseconds a packet, as a ratio to making room and writing an outer header.")

    @Flag(help: "Also packets a second over a pair of virtual interfaces.")
    var live = false

    @OptionGroup var options: BenchOptions

    func run() async throws {
        let settings = try options.settings()
        let live = live
        let isJudged = options.isJudged
        let report = try await BenchProgress.interruptible {
            // Not after half a minute.
            if live { try LiveBenchmark.checkKernel() }
            let cases = try await DatapathBenchmark(settings).run()
            return DatapathReport(
                cases, live: live ? try await LiveBenchmark(settings).run() : nil, isJudged: isJudged)
        }
        if options.printsJSON { try printJSON(report) } else { Terminal.print(report.text) }
        if !report.isWithinBounds { throw ArgumentParser.ExitCode.failure }
    }
}

struct ControlBenchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "control", abstract: "From generations to the kernel's maps: times and memory at three sizes.")

    @OptionGroup var options: BenchOptions

    func run() async throws {
        let settings = try options.settings()
        let isJudged = options.isJudged
        let report = try await BenchProgress.interruptible {
            ControlReport(try await ControlBenchmark(settings).run(), isJudged: isJudged)
        }
        if options.printsJSON { try printJSON(report) } else { Terminal.print(report.text) }
        if !report.isWithinBounds { throw ArgumentParser.ExitCode.failure }
    }
}

/// One line on a terminal that says what is being measured, and the way out by control-C.
private enum BenchProgress {
    static func show(_ text: String) {
        guard isatty(STDERR_FILENO) == 1 else { return }
        let line = Array("\r\u{1b}[K\(text.isEmpty ? "" : "measuring: \(text)")".utf8)
        _ = write(STDERR_FILENO, line, line.count)
    }

    /// A signal ends the measuring between two steps, and what was made in the kernel is taken away.
    static func interruptible<Value: Sendable>(_ body: @escaping @Sendable () async throws -> Value) async throws
        -> Value
    {
        let task = Task { try await body() }
        let signals = [SIGINT, SIGTERM, SIGHUP]
        let sources = signals.map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler { task.cancel() }
            source.resume()
            return source
        }
        defer {
            for source in sources { source.cancel() }
            for number in signals { signal(number, SIG_DFL) }
            show("")
        }
        do {
            return try await task.value
        } catch is CancellationError {
            throw Failure(.failed, "interrupted: nothing is left in the kernel")
        } catch let error as BenchmarkError {
            let code = Admin.ExitCode(systemError: error.errno)
            throw Failure(code, "\(error)", remedy: code == .permission ? "run it as root" : "")
        }
    }
}
