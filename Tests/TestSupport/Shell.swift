// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Programs that tests run on the side: `ip`, `ethtool`, `unshare`.
public enum Shell {
    /// Runs `/bin/sh -c`, and answers what it printed; throws with that when it fails.
    @discardableResult
    public static func run(_ command: String) throws -> String {
        guard let stream = popen("exec 2>&1; PATH=$PATH:/usr/sbin:/sbin; \(command)", "r") else {
            throw SystemError(command)
        }
        var output: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while case let count = fread(&buffer, 1, buffer.count, stream), count > 0 { output += buffer[..<count] }
        let text = String(decoding: output, as: UTF8.self)
        let status = pclose(stream)
        guard status == 0 else { throw SystemError(command, cause: "status \(status): \(text)") }
        return text
    }
}
