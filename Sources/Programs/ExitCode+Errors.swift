// SPDX-License-Identifier: Apache-2.0

import Admin
import BPF
import ConsulAPI
import Coordination
import EventLoop
import Reconciler
import Storage

/// How both programs end over what their parts throw.
extension ExitCode {
    /// Nil where the error does not say.
    public init?(of error: any Error) {
        switch error {
        case let problem as Problem: self = problem.exitCode
        case let error as StoreError: self.init(error)
        case let error as ConsulError: self.init(error)
        case let error as BPFError: self.init(systemError: error.errno)
        case let error as StorageError: self.init(systemError: error.errno)
        case let error as StateError: self.init(systemError: error.errno)
        case let error as EventLoopError: self.init(systemError: error.errno)
        default: return nil
        }
    }

    public init(_ error: StoreError) {
        switch error {
        case .empty, .unreachable, .unknown: self = .unreachable
        case .denied, .credentials: self = .permission
        case .foreign, .refused, .damaged: self = .failed
        case .name, .settings: self = .usage
        }
    }

    public init(_ error: ConsulError) {
        switch error.kind {
        case .unreachable, .timedOut, .noLeader, .rateLimited: self = .unreachable
        case .permission, .credentials: self = .permission
        case .refused, .garbage: self = .failed
        }
    }
}

extension Problem {
    public init(_ error: StoreError) { self.init("\(error)", remedy: error.remedy, exitCode: ExitCode(error)) }
}

extension StoreError {
    /// What a person does about it; empty where the error itself says it, or nothing is to be done.
    public var remedy: String {
        switch self {
        case .unreachable:
            "hosts go on with what they have; see  sluicectl doctor"
        case .unknown: "look before it is tried again:  sluicectl host list"
        case .denied: "is it the right user, password or token, and may it do this?  see 'coordination' in sluiced.yaml"
        case .foreign: "name this fleet's own store, or its fleet, in 'coordination' of sluiced.yaml"
        case .damaged: "put the store back from a backup or a host:  sluicectl store restore --help"
        case .empty, .refused, .credentials, .name, .settings: ""
        }
    }
}
