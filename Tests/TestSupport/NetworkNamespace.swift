// SPDX-License-Identifier: Apache-2.0

import Glibc
import Synchronization

/// A network namespace for one test, removed with its interfaces when the test lets go of it.
public final class NetworkNamespace: Sendable {
    /// As in /run/netns: `sl<pid>n<n>`.
    public let name: String
    private static let number = Atomic<Int>(0)

    public init() throws {
        name = "sl\(getpid())n\(Self.number.wrappingAdd(1, ordering: .relaxed).newValue)"
        try Shell.run("ip netns add \(name) && ip -n \(name) link set lo up")
    }

    deinit {
        // A process that lives on in it keeps it; the name goes all the same.
        _ = Result { try Shell.run("ip netns del \(name)") }
    }

    /// Runs a shell command in the namespace; bpffs stays visible, unlike under `ip netns exec`.
    @discardableResult
    public func run(_ command: String) throws -> String {
        try Shell.run("nsenter --net=/run/netns/\(name) sh -c '\(command)'")
    }

    /// Runs `body` on a thread of its own that has entered the namespace, and waits for it.
    ///
    /// Sockets and links that it makes belong to the namespace for good.
    public func inside<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) throws -> Value {
        let outcome = Outcome<Value>()
        let name = name
        let visit = Visit {
            let result = Result {
                try enterNetworkNamespace("/run/netns/\(name)")
                return try body()
            }
            outcome.result.withLock { $0 = result }
        }
        var thread = pthread_t()
        let started = pthread_create(
            &thread, nil,
            { argument in
                if let argument { Unmanaged<Visit>.fromOpaque(argument).takeRetainedValue().body() }
                return nil
            }, Unmanaged.passRetained(visit).toOpaque())
        guard started == 0 else { throw SystemError("start a thread", cause: "error \(started)") }
        pthread_join(thread, nil)
        guard let result = outcome.result.withLock({ $0 }) else {
            throw SystemError("run in namespace \(name)", cause: "it did not run")
        }
        return try result.get()
    }
}

/// What a thread in a namespace is to do.
private final class Visit: Sendable {
    let body: @Sendable () -> Void

    init(_ body: @escaping @Sendable () -> Void) {
        self.body = body
    }
}

private final class Outcome<Value: Sendable>: Sendable {
    let result = Mutex<Result<Value, any Error>?>(nil)
}

/// Moves the calling thread; it must end there, since the process's other threads stay outside.
private func enterNetworkNamespace(_ path: String) throws {
    let namespace = open(path, O_RDONLY | O_CLOEXEC)
    guard namespace >= 0 else { throw SystemError("open \(path)") }
    defer { close(namespace) }
    // glibc shows setns(2) to _GNU_SOURCE alone, which Swift does not set.
    typealias Function = @convention(c) (Int32, Int32) -> Int32
    guard let address = dlsym(nil, "setns") else { throw SystemError("find setns", cause: "not in the C library") }
    let networkOnly: Int32 = 0x4000_0000  // CLONE_NEWNET
    guard unsafeBitCast(address, to: Function.self)(namespace, networkOnly) == 0 else {
        throw SystemError("enter \(path)")
    }
}
