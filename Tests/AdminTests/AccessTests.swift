// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Admin

@Suite struct AccessTests {
    /// `nobody` and `daemon` are in every Debian; `daemon`'s group is 1.
    @Test(
        arguments: [
            (Caller(processID: 1, userID: 0, groupID: 0), nil, true),
            (Caller(processID: 1, userID: 900, groupID: 900), nil, true),
            (Caller(processID: 1, userID: 65534, groupID: 65534), nil, false),
            (Caller(processID: 1, userID: 65534, groupID: 65534), 4242, false),
            (Caller(processID: 1, userID: 65534, groupID: 4242), 4242, true),
            (Caller(processID: 1, userID: 1, groupID: 65534), 1, true),
            (Caller(processID: 1, userID: 12_345_678, groupID: 65534), 1, false),
        ] as [(Caller, UInt32?, Bool)])
    func `root, the daemon's own user and members of the group may, others not`(
        caller: Caller, group: UInt32?, may: Bool
    ) {
        #expect(Access(owner: 900, group: group).allows(caller) == may)
    }

    @Test func `a caller is named as the user database does`() {
        #expect(Caller(processID: 1, userID: 0, groupID: 0).name == "root")
        #expect(Caller(processID: 1, userID: 12_345_678, groupID: 0).name == "uid 12345678")
    }
}
