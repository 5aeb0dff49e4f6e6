// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Coordination
import Documents
import Glibc

/// Which store is asked: named on the command line, else the one of `sluiced.yaml`.
struct StoreOptions: ParsableArguments {
    @Option(
        help: .init(
            "The store: etcd://10.0.0.1:2379, redis://10.0.0.1, consul://127.0.0.1, local:/DIRECTORY and others; "
                + "without it the one of the host's configuration.", valueName: "url"))
    var store: String?

    @Option(help: .init("Whose keys in the store are meant: the fleet's name.", valueName: "name"))
    var fleet: String?

    @Option(help: .init("The user of etcd or Redis; with --store.", valueName: "name"))
    var user: String?

    @Option(help: .init("A file that holds that user's password.", valueName: "file"), completion: .file())
    var passwordFile: String?

    @Option(help: .init("A file that holds Consul's token; with --store.", valueName: "file"), completion: .file())
    var tokenFile: String?

    @Option(help: .init("The authority of the store's certificate; with --store.", valueName: "file"))
    var ca: String?

    @Option(help: .init("Our own certificate for the store; with --store.", valueName: "file"))
    var cert: String?

    @Option(help: .init("The key of that certificate.", valueName: "file"))
    var key: String?

    func place(_ common: CommonOptions) throws -> StorePlace {
        if let store {
            let hasFiles = ca != nil || cert != nil || key != nil
            let tls = hasFiles ? StoreTLS(authorityFile: ca, certificateFile: cert, keyFile: key) : nil
            let credentials = StoreCredentials(user: user, passwordFile: passwordFile, tokenFile: tokenFile, tls: tls)
            return StorePlace(location: try StoreLocation(store, as: credentials), fleet: fleet ?? Self.fleetName)
        }
        for (option, value) in [
            ("--user", user), ("--password-file", passwordFile), ("--token-file", tokenFile), ("--ca", ca),
            ("--cert", cert), ("--key", key),
        ] where value != nil {
            throw Failure(.usage, "\(option) goes with --store; the host's configuration has its own")
        }
        var place = try StorePlace(try common.host())
        if let fleet { place.fleet = fleet }
        return place
    }

    /// The store of a fleet: a host alone has none, and its locks are no store to be looked at or put back.
    func fleetPlace(_ common: CommonOptions) throws -> StorePlace {
        let place = try place(common)
        guard store == nil, case .local(let directory) = place.location else { return place }
        throw Failure(
            .usage, "this host has no fleet's store: coordination.store is local, and \(directory) holds locks alone",
            remedy: "what it does:  sluicectl service list;  another store:  --store etcd://10.0.0.1:2379")
    }

    /// As `coordination` has it where it says nothing.
    private static let fleetName = "sluice"
}

/// A store, and whose keys in it.
struct StorePlace {
    var location: StoreLocation
    var fleet: String

    init(location: StoreLocation, fleet: String) {
        self.location = location
        self.fleet = fleet
    }

    var isLocal: Bool { if case .local = location { true } else { false } }

    /// A directory of this host is founded by whoever comes first: it can be nobody else's.
    func withLocks<Value: Sendable>(
        _ body: @Sendable (any LockStore) async throws -> Value
    ) async throws -> Value {
        if isLocal { _ = try await location.withStore(of: fleet) { try await $0.found() } }
        return try await location.withLocks(of: fleet, body)
    }

    func withStore<Value: Sendable>(
        _ body: @Sendable (any FleetStore) async throws -> Value
    ) async throws -> Value {
        try await location.withStore(of: fleet, body)
    }
}
