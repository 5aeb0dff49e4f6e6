// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc

/// Where the calling thread is: its CPUs and its network namespace.
struct ThreadPlace {
    private let cpus: linux_cpus
    private let network: Int32

    init() throws(BenchmarkError) {
        var cpus = linux_cpus()
        guard linux_get_cpus(0, &cpus) == 0 else { throw BenchmarkError("ask for the thread's CPUs", code: errno) }
        self.cpus = cpus
        network = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)
        guard network >= 0 else { throw BenchmarkError("open /proc/thread-self/ns/net", code: errno) }
    }

    /// To one CPU, and into a new namespace.
    func move(to cpu: Int32) throws(BenchmarkError) {
        guard linux_run_on_cpu(cpu) == 0 else { throw BenchmarkError("run on CPU \(cpu)", code: errno) }
        guard linux_unshare_network() == 0 else { throw BenchmarkError("make a network namespace", code: errno) }
    }

    /// Back to where it was.
    func restore() {
        var cpus = cpus
        let isBack = linux_enter_network(network) == 0 && linux_set_cpus(&cpus) == 0
        close(network)
        precondition(isBack, "a thread may go back to where it came from")
    }
}
