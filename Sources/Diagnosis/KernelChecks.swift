// SPDX-License-Identifier: Apache-2.0

/// What the kernel can do, and whether the program can be made.
struct KernelChecks {
    let facts: Facts

    var findings: [Finding] {
        guard facts.isRoot else { return [notRoot] + build }
        switch facts.kernel {
        case .unknown(let cause): return [Finding(.kernel, .warning, "kernel", "was not tried: \(cause)")] + build
        case .known(let kernel): return features(kernel) + jit(kernel) + build
        }
    }

    private var notRoot: Finding {
        Finding(
            .permission, .warning, "permission",
            "not root: kernel features, pins, programs and state were not looked at",
            remedy: ["sudo sluicectl doctor"])
    }

    private func features(_ kernel: Facts.Kernel) -> [Finding] {
        let lacking = lacking(kernel)
        guard lacking.isEmpty else { return lacking }
        let present = [
            (kernel.xdp, "XDP"), (kernel.xdpLink, "XDP links"), (kernel.typeInformation, "BTF"),
            (kernel.reuseport, "SK_REUSEPORT"),
        ]
        let optional = [
            (kernel.coarseClock, "the coarse clock (5.11)"), (kernel.xdpFragments, "frames in pieces (5.18)"),
            (kernel.membarrier, "a global membarrier"), (kernel.typeInformation, "BTF"),
            (kernel.reuseport, "SK_REUSEPORT"),
        ]
        let absent = optional.filter { !$0.0 }.map(\.1)
        let without = absent.isEmpty ? "" : "; does without \(absent.joined(separator: ", "))"
        return [
            Finding(
                .kernel, .ok, kernel.subject, present.filter(\.0).map(\.1).joined(separator: ", ") + without)
        ]
    }

    private func lacking(_ kernel: Facts.Kernel) -> [Finding] {
        func lacks(_ text: String, _ remedy: String) -> Finding {
            Finding(.kernel, .failure, kernel.subject, text, remedy: [remedy], kernelLacks: true)
        }
        let newer = "boot Linux 5.10 or later"
        if kernel.isBefore(5, 10) { return [lacks("is too old: Sluice needs 5.10", newer)] }
        if !kernel.xdp {
            return [
                lacks(
                    "takes no XDP program", "boot a kernel with CONFIG_BPF_SYSCALL=y and CONFIG_NET=y, not locked down")
            ]
        }
        if !kernel.xdpLink { return [lacks("has no XDP links, which hold the program without the daemon", newer)] }
        return []
    }

    private func jit(_ kernel: Facts.Kernel) -> [Finding] {
        guard kernel.jit == .known(false) else { return [] }
        return [
            Finding(
                .jit, .warning, "JIT", "off: the kernel interprets the program, which makes it several times slower",
                remedy: [Sysctl.command("net/core/bpf_jit_enable", 1)])
        ]
    }

    /// Where the document cannot be read, nobody knows the folder.
    private var build: [Finding] {
        guard facts.configurationProblems.isEmpty else { return [] }
        let build = facts.build
        switch (build.clang, build.hasSources, build.hasPrebuilt) {
        case (let clang?, true, _):
            return [Finding(.build, .ok, "program", "compiled for this host by \(clang)")]
        case (_, true, true), (_, false, true):
            let cause = build.hasSources ? "no clang was found" : "\(build.folder) has no sources"
            return [
                Finding(
                    .build, .warning, "program",
                    "\(cause), so the prebuilt general one serves: slower than one that has only what is used",
                    remedy: build.hasSources ? [Self.installClang] : [])
            ]
        case (_, false, false):
            return [
                Finding(
                    .build, .failure, "program", "\(build.folder) has neither sources nor a prebuilt program",
                    remedy: ["install bpf/ there, or name its folder: directories: { bpf: ... } in sluiced.yaml"])
            ]
        case (nil, true, false):
            return [
                Finding(
                    .build, .failure, "program",
                    "no clang was found and \(build.folder) has no prebuilt program: a change that needs another one "
                        + "fails",
                    remedy: [Self.installClang])
            ]
        }
    }

    private static let installClang = "apt-get install clang   (or name one: SLUICE_CLANG=/path/to/clang)"
}

/// Commands that set a value below /proc/sys.
enum Sysctl {
    /// An interface's name may hold dots, which sysctl(8) reads as slashes unless there is a slash before them.
    static func command(_ path: String, _ value: Int) -> String {
        let name = path.contains(".") ? path : String(path.map { $0 == "/" ? "." : $0 })
        return "sysctl -w \(name)=\(value)"
    }
}
