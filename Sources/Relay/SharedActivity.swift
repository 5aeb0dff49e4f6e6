// SPDX-License-Identifier: Apache-2.0

import EventLoop

/// How many connections (of UDP: flows) each service has now, in all workers of a host: limits of services go by the sum,
/// however unevenly the connections come to the workers.
///
/// A worker looks before it adds: of several that do so at one moment each may take one more.
public enum SharedActivity {
    /// Workers that run or finish, at a time.
    public static let workersMax = 128

    public static func make() throws(EventLoopError) -> SharedCounts {
        try SharedCounts(subjects: RelayLedger.serviceIDs, holders: workersMax)
    }

    /// What another process made.
    public static func take(_ file: consuming Descriptor) throws(EventLoopError) -> SharedCounts {
        try SharedCounts(adopting: file, subjects: RelayLedger.serviceIDs, holders: workersMax)
    }
}
