// SPDX-License-Identifier: Apache-2.0

/// What one worker may take of its host: of memory no more than `connections` x a few hundred bytes and
/// `buffers` x `bufferBytes`, whatever its clients and backends do.
public struct RelayLimits: Hashable, Sendable {
    /// TCP connections at a time; others wait in the listeners' queues.
    public var connections: Int
    /// UDP flows at a time; datagrams of others are dropped.
    public var flows: Int
    /// Buffers at a time: a direction has one only while it holds bytes. Fewer than two a connection, and readers that
    /// stand still can take them all; then everybody waits.
    public var buffers: Int
    public var bufferBytes: Int
    /// Pipes at a time, 0 for never. A direction has one only while it holds bytes.
    public var pipes: Int
    public var pipeBytes: Int
    /// A direction that has moved so many bytes, and fills its buffer, goes through a pipe.
    public var spliceAfter: Int

    public init(
        connections: Int = 16384, flows: Int = 16384, buffers: Int = 32768, bufferBytes: Int = 32768,
        pipes: Int = 256, pipeBytes: Int = 262_144, spliceAfter: Int = 262_144
    ) {
        self.connections = connections
        self.flows = flows
        self.buffers = buffers
        self.bufferBytes = bufferBytes
        self.pipes = pipes
        self.pipeBytes = pipeBytes
        self.spliceAfter = spliceAfter
    }
}
