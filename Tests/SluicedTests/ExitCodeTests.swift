// SPDX-License-Identifier: Apache-2.0

import Admin
import ConsulAPI
import Coordination
import Programs
import Storage
import Testing

/// Both programs end the same way over the same fault.
struct ExitCodeTests {
    private static let place = "etcd at http://10.0.0.1:2379"

    @Test(arguments: [
        (StoreError.empty(place: place), ExitCode.unreachable),
        (.unreachable(place: place, operation: "read", cause: "Connection refused"), .unreachable),
        (.unknown(place: place, operation: "write desired", cause: "no answer in time"), .unreachable),
        (.denied(place: place, operation: "read", cause: "permission denied"), .permission),
        (.credentials("/etc/sluice/password cannot be read: No such file or directory"), .permission),
        (.foreign(place: place, fleet: "north", found: "south"), .failed),
        (.refused(place: place, operation: "read", cause: "no space"), .failed),
        (.damaged(place: place, digest: "abc"), .failed),
        (.name("a/b"), .usage),
        (.settings("Redlock needs 3, 5 or 7 masters"), .usage),
    ])
    func `a store's fault has its exit code`(error: StoreError, code: ExitCode) {
        #expect(ExitCode(of: error) == code)
        #expect(Problem(error).exitCode == code)
    }

    @Test(arguments: [
        (ConsulError.Kind.timedOut, ExitCode.unreachable), (.noLeader, .unreachable), (.permission, .permission),
        (.credentials, .permission), (.garbage, .failed),
    ])
    func `Consul's fault has its exit code`(kind: ConsulError.Kind, code: ExitCode) {
        #expect(ExitCode(of: ConsulError(kind, "read", cause: "")) == code)
    }

    @Test func `a file that may not be read is a matter of permission`() {
        let denied = StorageError(operation: "read", path: "/a", cause: "Permission denied", errno: 13)
        #expect(ExitCode(of: denied) == .permission)
        #expect(ExitCode(of: StorageError(operation: "read", path: "/a", cause: "is no backup")) == .failed)
    }

    @Test func `a store that is away is named with its address, its trouble and what to do, not with its API`() {
        let problem = Problem(
            StoreError.unreachable(place: Self.place, operation: "kv/txn", cause: "Connection refused"))
        #expect(problem.error == "etcd at http://10.0.0.1:2379 cannot be used now: Connection refused")
        #expect(problem.remedy.contains("sluicectl doctor"))
    }
}
