// SPDX-License-Identifier: Apache-2.0

/// How Consul is reached, and as whom.
public struct ConsulSettings: Hashable, Sendable {
    /// Agents or servers, the preferred one first; never empty.
    public var addresses: [ConsulAddress]
    /// Asked for with every request; nil: the agent's own.
    public var datacenter: String?
    /// Consul Enterprise's; passed on, never judged.
    public var namespace: String?
    public var partition: String?
    /// Read anew for every request, so that a token is rotated by writing the file.
    public var tokenFile: String?
    public var tls: ConsulTLS
    /// Long polls at once. A default agent closes what is above 200 connections of a client without an answer.
    public var maximumPolls: Int
    /// Other requests at once.
    public var maximumRequests: Int
    /// For a request that does not block, from its start to the last byte of the answer.
    public var timeout: Duration
    /// What is added to the longest time that a server may hold a long poll.
    public var slack: Duration
    /// Longer answers are garbage.
    public var answerBytesMax: Int

    public init(
        addresses: [ConsulAddress], datacenter: String? = nil, namespace: String? = nil, partition: String? = nil,
        tokenFile: String? = nil, tls: ConsulTLS = ConsulTLS(), maximumPolls: Int = 128, maximumRequests: Int = 16,
        timeout: Duration = .seconds(10), slack: Duration = .seconds(5), answerBytesMax: Int = 64 << 20
    ) {
        self.addresses = addresses
        self.datacenter = datacenter
        self.namespace = namespace
        self.partition = partition
        self.tokenFile = tokenFile
        self.tls = tls
        self.maximumPolls = maximumPolls
        self.maximumRequests = maximumRequests
        self.timeout = timeout
        self.slack = slack
        self.answerBytesMax = answerBytesMax
    }
}

/// What a TLS connection trusts and shows; used by `https` addresses alone.
public struct ConsulTLS: Hashable, Sendable {
    /// PEM files, read again when they change. Without `authority` the system's authorities are trusted.
    public var authority: String?
    public var certificate: String?
    public var key: String?
    /// The name that the server's certificate must have (SNI); nil: the address's host.
    public var serverName: String?

    public init(
        authority: String? = nil, certificate: String? = nil, key: String? = nil, serverName: String? = nil
    ) {
        self.authority = authority
        self.certificate = certificate
        self.key = key
        self.serverName = serverName
    }
}
