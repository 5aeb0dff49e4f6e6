// SPDX-License-Identifier: Apache-2.0

import Glibc
import Testing

/// What a test needs of the machine: a skip says what is missing, and `SLUICE_REQUIRE` turns it into a failure.
public enum Requirement {
    /// Whether the machine has it.
    ///
    /// - Parameter name: `root`, `bpf`, `netns`, `clang`; any other is a program on `PATH` or in a system folder.
    public static func has(_ name: String) -> Bool {
        switch name {
        case "root": geteuid() == 0
        case "bpf": geteuid() == 0 && hasBPFFS
        case "netns": geteuid() == 0 && access("/proc/self/ns/net", F_OK) == 0 && path(of: "ip") != nil
        case "clang": clang != nil
        default: path(of: name) != nil
        }
    }

    /// The path of a program, looked for in `PATH` and where root's programs lie.
    public static func path(of program: String) -> String? {
        let folders = (environment("PATH") ?? "") + ":/usr/sbin:/sbin:/usr/local/sbin:/usr/local/bin:/usr/bin"
        return folders.split(separator: ":").map { "\($0)/\(program)" }.first { access($0, X_OK) == 0 }
    }

    /// Whether `SLUICE_REQUIRE` names it.
    static func isDemanded(_ name: String) -> Bool {
        (environment("SLUICE_REQUIRE") ?? "").split(separator: ",").contains { $0 == name }
    }

    private static var clang: String? {
        if let chosen = environment("SLUICE_CLANG") { return access(chosen, X_OK) == 0 ? chosen : nil }
        return path(of: "clang") ?? (11...29).lazy.compactMap { path(of: "clang-\($0)") }.first
    }

    /// Mounts bpffs where it belongs, if nobody has yet.
    private static let hasBPFFS: Bool =
        isBPFFSMounted || mount("bpf", "/sys/fs/bpf", "bpf", 0, "mode=0700") == 0 && isBPFFSMounted

    private static var isBPFFSMounted: Bool {
        guard let table = fopen("/proc/self/mounts", "r") else { return false }
        defer { fclose(table) }
        var line = [CChar](repeating: 0, count: 4096)
        while fgets(&line, Int32(line.count), table) != nil {
            let text = line.withUnsafeBytes { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
            if text.contains(" /sys/fs/bpf bpf ") { return true }
        }
        return false
    }

    private static func environment(_ name: String) -> String? {
        getenv(name).map { String(cString: $0) }.flatMap { $0.isEmpty ? nil : $0 }
    }
}

/// A test that `SLUICE_REQUIRE` demands, on a machine that cannot run it.
public struct MissingRequirement: Error, CustomStringConvertible {
    public let names: [String]

    public var description: String { "SLUICE_REQUIRE demands what is missing here: \(names.joined(separator: ", "))" }
}

extension Trait where Self == ConditionTrait {
    /// Skips the test, and says why, where the machine lacks one of these; fails it if `SLUICE_REQUIRE` names that one.
    public static func requires(_ names: String...) -> Self {
        let missing = names.filter { !Requirement.has($0) }
        let demanded = missing.filter(Requirement.isDemanded)
        return .enabled("missing: \(missing.joined(separator: ", "))") {
            if !demanded.isEmpty { throw MissingRequirement(names: demanded) }
            return missing.isEmpty
        }
    }
}
