// SPDX-License-Identifier: Apache-2.0

import Glibc
import TestSupport

/// The CPUs that packets come in on: a test run is done by the CPU that its thread is bound to.
struct CPUs {
    private typealias Call = @convention(c) (Int32, Int, UnsafeMutablePointer<UInt64>) -> Int32

    /// A bit a CPU, as the C library's cpu_set_t: those that the thread may use at the beginning.
    private let allowed: [UInt64]
    private let set: Call
    let numbers: [Int]

    init() throws {
        // glibc shows both to _GNU_SOURCE alone, which Swift does not set.
        guard let get = dlsym(nil, "sched_getaffinity"), let set = dlsym(nil, "sched_setaffinity") else {
            throw SystemError("find sched_setaffinity", cause: "not in the C library")
        }
        self.set = unsafeBitCast(set, to: Call.self)
        var mask = [UInt64](repeating: 0, count: 16)
        guard unsafeBitCast(get, to: Call.self)(0, 8 * mask.count, &mask) == 0 else {
            throw SystemError("ask for the thread's CPUs")
        }
        allowed = mask
        numbers = (0..<64 * mask.count).filter { mask[$0 / 64] >> UInt64($0 % 64) & 1 == 1 }
    }

    /// Binds the thread to one CPU; with more than one, neighbouring turns are on different CPUs.
    func bind(turn: Int) throws {
        guard numbers.count > 1 else { return }
        let cpu = numbers[turn % numbers.count]
        var mask = [UInt64](repeating: 0, count: allowed.count)
        mask[cpu / 64] = 1 << UInt64(cpu % 64)
        guard set(0, 8 * mask.count, &mask) == 0 else { throw SystemError("bind the thread to CPU \(cpu)") }
    }

    func release() {
        var mask = allowed
        _ = set(0, 8 * mask.count, &mask)
    }
}
