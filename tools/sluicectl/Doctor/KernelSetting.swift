// SPDX-License-Identifier: Apache-2.0

import Diagnosis
import Glibc
import Storage

/// Values below /proc/sys, of the caller's network namespace.
enum KernelSetting {
    static func number(_ path: String) -> Reading<Int> {
        do {
            let text = String(decoding: try AtomicFile.read("/proc/sys/\(path)"), as: UTF8.self)
            guard let value = Int(text.prefix { $0.isNumber || $0 == "-" }) else {
                return .unknown("/proc/sys/\(path) holds no number")
            }
            return .known(value)
        } catch {
            return .unknown("\(error)")
        }
    }

    static func flag(_ path: String) -> Reading<Bool> {
        switch number(path) {
        case .known(let value): .known(value != 0)
        case .unknown(let cause): .unknown(cause)
        }
    }

    /// Where the greater of an interface's value and that of `all` is in force; 0 where neither is known.
    static func greater(of name: String, on interface: String) -> Int {
        ["all", interface].compactMap { number("net/ipv4/conf/\($0)/\(name)").value }.max() ?? 0
    }
}
