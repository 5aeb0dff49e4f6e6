// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc

/// A program that is run to its end, within a time.
struct Command {
    let path: String
    let arguments: [String]
    let limit: Duration

    struct Outcome {
        /// 0: success; 128 and the signal's number if one ended it.
        let status: Int32
        /// Standard output and error together.
        let output: String
    }

    /// Starts the program in a process group of its own, and kills the group when the time is over.
    func run() throws(BPFError) -> Outcome {
        let deadline = ContinuousClock.now + limit
        var ends: [Int32] = [-1, -1]
        try BPFError.check(linux_pipe(&ends), "make a pipe for", path)
        let reading = Descriptor(owning: ends[0])
        let process: pid_t
        do {
            let writing = Descriptor(owning: ends[1])
            process = try spawn(output: writing)
        }
        let output = drain(reading, until: deadline)
        guard let output, let status = wait(for: process, until: deadline) else {
            kill(-process, SIGKILL)
            waitpid(process, nil, 0)
            throw BPFError("run", path, code: ETIMEDOUT, cause: "not done after \(limit)")
        }
        return Outcome(status: status, output: String(decoding: output, as: UTF8.self))
    }

    private func spawn(output: Descriptor) throws(BPFError) -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, output.number, 1)
        posix_spawn_file_actions_adddup2(&actions, output.number, 2)
        linux_spawn_close_from(&actions, 3)

        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setpgroup(&attributes, 0)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK))

        let folders = getenv("PATH").map { String(cString: $0) } ?? "/usr/bin:/bin"
        let words = Self.terminated([path] + arguments)
        let environment = Self.terminated(["PATH=\(folders)", "LC_ALL=C"])
        defer { for word in words + environment { free(word) } }
        var process: pid_t = 0
        let result = posix_spawn(&process, path, &actions, &attributes, words, environment)
        guard result == 0 else { throw BPFError("run", path, code: result) }
        return process
    }

    /// C strings with a null after the last; the caller frees them.
    private static func terminated(_ words: [String]) -> [UnsafeMutablePointer<CChar>?] {
        words.map { word -> UnsafeMutablePointer<CChar>? in strdup(word) } + [nil]
    }

    /// All that comes until the other end closes; nil if that is not in time.
    private func drain(_ reading: Descriptor, until deadline: ContinuousClock.Instant) -> [UInt8]? {
        var output: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            var waiting = pollfd(fd: reading.number, events: Int16(POLLIN), revents: 0)
            let ready = poll(&waiting, 1, Self.milliseconds(until: deadline))
            if ready < 0 && errno == EINTR { continue }
            guard ready > 0 else { return nil }
            let count = read(reading.number, &buffer, buffer.count)
            if count == 0 { return output }
            if count > 0 { output += buffer[..<count] } else if errno != EINTR { return nil }
        }
    }

    private func wait(for process: pid_t, until deadline: ContinuousClock.Instant) -> Int32? {
        var status: Int32 = 0
        while true {
            let result = waitpid(process, &status, WNOHANG)
            if result == process { break }
            if result < 0 && errno != EINTR || ContinuousClock.now >= deadline { return nil }
            // It has closed its output, so it is about to end.
            usleep(1000)
        }
        let signal = status & 0x7f
        return signal == 0 ? (status >> 8) & 0xff : 128 + signal
    }

    private static func milliseconds(until deadline: ContinuousClock.Instant) -> Int32 {
        let left = max(.zero, deadline - .now)
        return Int32(clamping: left.components.seconds * 1000 + left.components.attoseconds / 1_000_000_000_000_000 + 1)
    }
}
