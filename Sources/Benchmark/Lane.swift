// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
import Synchronization

/// One thread on one CPU that a task runs on for as long as it measures, so that nothing moves it meanwhile and its CPU
/// time is what the work took.
final class Lane: TaskExecutor {
    private let jobs = Mutex<[UnownedJob]>([])
    /// A byte for each job, and one more for the end.
    private let bell: (listen: Int32, ring: Int32)

    /// Runs `body`, and all that it awaits, on a lane of its own in a network namespace of its own, which goes with all
    /// interfaces in it.
    static func run<Value: Sendable>(on cpu: Int32, _ body: () async throws -> Value) async throws -> Value {
        let lane = try Lane()
        defer { lane.stop() }
        return try await withTaskExecutorPreference(lane) {
            let place = try ThreadPlace()
            // What a task does next may start a thread of the process's pool, which is where its maker is.
            defer { place.restore() }
            try place.move(to: cpu)
            return try await body()
        }
    }

    /// Runs `body` on several CPUs at once, in the namespace of the calling thread, and waits for all.
    static func runAll(on cpus: [Int32], _ body: @escaping @Sendable () throws -> Void) async throws {
        let lanes = try cpus.map { _ in try Lane() }
        defer { for lane in lanes { lane.stop() } }
        try await withThrowingTaskGroup { group in
            for (cpu, lane) in zip(cpus, lanes) {
                group.addTask(executorPreference: lane) {
                    guard linux_run_on_cpu(cpu) == 0 else { throw BenchmarkError("run on CPU \(cpu)", code: errno) }
                    try body()
                }
            }
            try await group.waitForAll()
        }
    }

    /// CPUs that the process may use; the last come first, since the first has most of the interrupts.
    static func cpus() -> [Int32] {
        var cpus = linux_cpus()
        guard linux_get_cpus(getpid(), &cpus) == 0 else { return [] }
        return (0..<LINUX_CPUS_MAX).reversed().filter { linux_has_cpu(&cpus, $0) != 0 }
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        jobs.withLock { $0.append(job) }
        ring()
    }

    private init() throws(BenchmarkError) {
        var ends: [Int32] = [-1, -1]
        guard linux_pipe(&ends) == 0 else { throw BenchmarkError("make a pipe", code: errno) }
        bell = (ends[0], ends[1])
        try start()
    }

    deinit {
        close(bell.listen)
        close(bell.ring)
    }

    private func start() throws(BenchmarkError) {
        var thread = pthread_t()
        let lane = Unmanaged.passRetained(self)
        let result = pthread_create(
            &thread, nil,
            { argument in
                if let argument { Unmanaged<Lane>.fromOpaque(argument).takeRetainedValue().work() }
                return nil
            }, lane.toOpaque())
        guard result == 0 else {
            lane.release()
            throw BenchmarkError("start a thread", code: result)
        }
        pthread_detach(thread)
    }

    private func work() {
        var byte: UInt8 = 0
        while true {
            if read(bell.listen, &byte, 1) < 0 && errno == EINTR { continue }
            guard let job = jobs.withLock({ $0.isEmpty ? nil : $0.removeFirst() }) else { return }
            job.runSynchronously(on: asUnownedTaskExecutor())
        }
    }

    private func ring() {
        var byte: UInt8 = 0
        while write(bell.ring, &byte, 1) < 0 && errno == EINTR {}
    }

    /// The thread ends by a ring that no job comes with.
    private func stop() { ring() }
}

/// What one thread has used, see clock_gettime(2): time that others were given the CPU is not in it.
enum ThreadClock {
    static func nanoseconds() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}
