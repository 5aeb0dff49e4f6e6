// SPDX-License-Identifier: Apache-2.0

import Coordination
import Documents
import Programs

extension StorePlace {
    /// The store of this host's fleet; for a host alone, the locks in its state directory.
    init(_ host: HostConfiguration) throws {
        fleet = host.coordination.fleet
        location = try StoreLocation(host.coordination, local: host.directories.state + "/locks")
    }
}
