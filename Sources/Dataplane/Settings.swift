// SPDX-License-Identifier: Apache-2.0

/// What a host's configuration says of its packet path.
public struct DataplaneSettings: Hashable, Sendable {
    /// Where the pins lie, on a bpffs.
    public var bpfRoot: String
    /// Compiled objects.
    public var cache: String
    /// The program's sources, or its prebuilt object.
    public var sources: String
    public var policy: AttachmentPolicy
    /// Take XDP programs of others off our interfaces.
    public var replacesForeign: Bool
    /// Of the compiler; nil looks for one.
    public var clang: String?
    /// CPUs that may ever be there; nil asks the kernel.
    public var cpus: Int?

    public init(
        bpfRoot: String = "/sys/fs/bpf/sluice", cache: String = "/var/cache/sluice",
        sources: String = "/usr/share/sluice/bpf", policy: AttachmentPolicy = .auto, replacesForeign: Bool = false,
        clang: String? = nil, cpus: Int? = nil
    ) {
        self.bpfRoot = bpfRoot
        self.cache = cache
        self.sources = sources
        self.policy = policy
        self.replacesForeign = replacesForeign
        self.clang = clang
        self.cpus = cpus
    }
}
