// SPDX-License-Identifier: Apache-2.0

import Model
import Storage

/// The digest of what every host with a generation has in its maps; taken once a generation.
struct FleetDigests {
    private var last: (generation: Generation, digest: String)?

    mutating func digest(of generation: Generation, bytes: @autoclosure () throws -> [UInt8]) rethrows -> String {
        if let last, last.generation == generation { return last.digest }
        let digest = Digest.sha256hex(try bytes())
        last = (generation, digest)
        return digest
    }
}
