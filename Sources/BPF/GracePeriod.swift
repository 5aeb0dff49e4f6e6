// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc

/// The time after which no program still runs that began before it.
public enum GracePeriod {
    /// Waits until every program that could have read an old value has ended; about 8 ms.
    ///
    /// Asks membarrier(2), or updates a map of maps, after which the kernel waits for its readers likewise.
    public static func wait() throws(BPFError) {
        if linux_membarrier_global() == 0 { return }
        guard errno == EINVAL || errno == ENOSYS else { throw BPFError("wait for", "a grace period", code: errno) }
        try waitByMap()
    }

    /// The way of kernels booted with `nohz_full`, whose membarrier(2) has no global command.
    static func waitByMap() throws(BPFError) {
        let inner = try Map.create("sluice_grace", type: .array, keySize: 4, valueSize: 4, maxEntries: 1)
        let outer = try Map.create(
            "sluice_grace", type: .arrayOfMaps, keySize: 4, valueSize: 4, maxEntries: 1, inner: inner)
        try outer.update(UInt32(0), inner.descriptor)
    }
}
