// SPDX-License-Identifier: Apache-2.0

import CLinux
import Foundation
import Glibc
import Testing

@testable import sluiced

/// A filter is its thread's for ever: each test begins a thread of its own.
struct ForbiddenCallTests {
    /// What the calls answer in a thread that has a worker's filter: 0 or errno.
    private static func answers(_ calls: [@Sendable () -> Int]) async -> [Int32] {
        await withCheckedContinuation { continuation in
            Thread.detachNewThread {
                guard sluice_no_new_privileges() == 0, sluice_forbid_system_calls() == 0 else {
                    return continuation.resume(returning: [])
                }
                continuation.resume(returning: calls.map { $0() < 0 ? errno : 0 })
            }
        }
    }

    @Test func `a worker begins no program, and looks at no other process`() async {
        let answers = await Self.answers([
            { Int(execve("/bin/true", [nil], [nil])) },
            { Int(kill(getpid(), 0)) },
            { Int(linux_pidfd_open(getpid())) },
            { Int(sluice_unshare_files()) },
        ])
        #expect(answers == [EPERM, EPERM, EPERM, EPERM])
    }

    @Test func `a worker signals itself alone`() async {
        let answers = await Self.answers([
            { Int(sluice_may_signal(getpid())) },
            { Int(sluice_may_signal(getppid())) },
        ])
        #expect(answers == [0, EPERM])
    }

    @Test func `a worker opens sockets of IP alone`() async {
        let families = [AF_INET, AF_INET6, AF_UNIX, AF_NETLINK, AF_PACKET]
        let answers = await Self.answers(
            families.map { family in
                {
                    let socket = socket(family, Int32(SOCK_DGRAM.rawValue), 0)
                    // What close answers leaves errno of the socket as it was.
                    return socket < 0 ? -1 : Int(close(socket))
                }
            })
        #expect(answers == [0, 0, EPERM, EPERM, EPERM])
    }

    @Test func `a worker may begin a thread`() async {
        let answers = await Self.answers([
            {
                var thread = pthread_t()
                let failure = pthread_create(&thread, nil, { _ in nil }, nil)
                return failure == 0 ? -Int(pthread_join(thread, nil)) : -1
            }
        ])
        #expect(answers == [0])
    }

}
