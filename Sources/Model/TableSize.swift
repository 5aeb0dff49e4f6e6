// SPDX-License-Identifier: Apache-2.0

import CDataplane

extension TableSize {
    /// Slots of the table.
    public var slots: Int { Int(rawValue) }

    /// Cache lines of slots that it takes in the kernel's map; the last is not full.
    public var lines: Int { (slots + Int(SLOTS_PER_LINE) - 1) / Int(SLOTS_PER_LINE) }

    /// Granules of the kernel's map that it takes; the last is not full.
    public var granules: Int { (lines + Int(LINES_PER_GRANULE) - 1) / Int(LINES_PER_GRANULE) }
}
