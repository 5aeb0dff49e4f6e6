// SPDX-License-Identifier: Apache-2.0

import Glibc

/// What the tool writes: results to descriptor 1, errors to descriptor 2.
enum Terminal {
    static func print(_ text: String) { write(text, to: STDOUT_FILENO) }

    static func error(_ text: String) { write(text.hasSuffix("\n") ? text : text + "\n", to: STDERR_FILENO) }

    /// Whether a person watches.
    static var isInteractive: Bool { isatty(STDOUT_FILENO) == 1 }

    private static func write(_ text: String, to descriptor: Int32) {
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let count = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            // A closed pipe (`| head`) ends the output, not the command.
            guard count > 0 || errno == EINTR else { return }
            if count > 0 { bytes = bytes.dropFirst(count) }
        }
    }
}
