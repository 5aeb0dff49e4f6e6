// SPDX-License-Identifier: Apache-2.0

/// What the daemon can be asked and told. A `Problem` that is thrown becomes the answer as it is.
public protocol AdminBackend: Sendable {
    func status() async throws -> StatusAnswer
    func services() async throws -> ServicesAnswer
    func backends() async throws -> BackendsAnswer
    func health() async throws -> HealthAnswer
    func drains() async throws -> DrainsAnswer

    /// What goes through this host's sockets.
    func listeners() async throws -> ListenersAnswer

    /// Connections that go through this host's sockets, so many at most.
    func connections(most: Int) async throws -> ConnectionsAnswer

    /// Returns when the drain is on disk.
    func drain(_ request: DrainRequest, by caller: Caller) async throws -> Drain

    /// Lifts a drain.
    func enable(service: String, backend: String, by caller: Caller) async throws

    /// Reads the services document again.
    func reload(by caller: Caller) async throws -> ReloadAnswer

    /// Compares the kernel's maps with what they should hold, and writes what differs; it is done soon after.
    func repair(by caller: Caller) async throws
}

extension AdminBackend {
    public func listeners() async throws -> ListenersAnswer { ListenersAnswer(listeners: []) }
    public func connections(most: Int) async throws -> ConnectionsAnswer { ConnectionsAnswer(connections: []) }
}

/// Where the metrics endpoint gets its text.
public protocol MetricsSource: Sendable {
    func metrics() async throws -> MetricsText
}
