// SPDX-License-Identifier: Apache-2.0

/// Where a host's workers are told what to do, and the one thing that others than the daemon may tell them.
public enum WorkerSockets {
    /// Below the directory of sockets that the configuration names; in it one socket a worker, `*.sock`.
    public static let folder = "workers"
    /// To end at once, as one packet: `WorkerRequest.end`.
    public static let end = Array(#"{"end":{}}"#.utf8)
}
