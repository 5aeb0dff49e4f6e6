// SPDX-License-Identifier: Apache-2.0

import Diagnosis
import Testing

@Suite struct `Kernel and installation` {
    @Test(arguments: kernels + documents + pins + states + daemons)
    func `what is wrong is named with what mends it`(_ trouble: Trouble) {
        #expect(trouble.found == trouble.lines)
    }

    @Test func `a kernel is told what Sluice does without`() {
        var facts = sound()
        facts.kernel = .known(Facts.Kernel(major: 5, minor: 10))
        facts.kernel {
            $0.coarseClock = false
            $0.xdpFragments = false
            $0.typeInformation = false
        }
        #expect(
            Diagnosis(of: facts).findings[0].lines == [
                "ok    kernel 5.10: XDP, XDP links, SK_REUSEPORT; does without the coarse clock (5.11), "
                    + "frames in pieces (5.18), BTF"
            ])
    }

    @Test func `what the daemon says of itself is passed on`() {
        let status = Facts.Daemon.Status(
            version: "1.0", processID: 1, applied: Facts.GenerationMark(epoch: 3, number: 17), isolated: ["web"],
            problems: ["store: cannot be reached"], warnings: ["no clang"])
        var facts = sound()
        facts.daemon = .runs(status)
        #expect(
            Diagnosis(of: facts).findings.filter { $0.check == .daemon }.flatMap(\.lines) == [
                "ok    sluiced: version 1.0 runs as process 1",
                "FAIL  sluiced: store: cannot be reached",
                "WARN  sluiced: no clang",
                "WARN  web: its brake holds back what probes see down: so many at once look like a fault of this host",
                "      sluicectl backend list web",
            ])
    }

    static let kernels = [
        Trouble(
            "an old kernel", { $0.kernel = .known(Facts.Kernel(major: 5, minor: 4)) },
            "FAIL  kernel 5.4: is too old: Sluice needs 5.10", "      boot Linux 5.10 or later"),
        Trouble(
            "no XDP", { $0.kernel { $0.xdp = false } }, "FAIL  kernel 6.18: takes no XDP program",
            "      boot a kernel with CONFIG_BPF_SYSCALL=y and CONFIG_NET=y, not locked down"),
        Trouble(
            "no XDP links", { $0.kernel { $0.xdpLink = false } },
            "FAIL  kernel 6.18: has no XDP links, which hold the program without the daemon",
            "      boot Linux 5.10 or later"),
        Trouble(
            "no JIT", { $0.kernel { $0.jit = .known(false) } },
            "WARN  JIT: off: the kernel interprets the program, which makes it several times slower",
            "      sysctl -w net.core.bpf_jit_enable=1"),
        Trouble("a namespace that does not show the JIT", { $0.kernel { $0.jit = .unknown("no such file") } }),
        Trouble(
            "not root",
            {
                $0.isRoot = false
                $0.kernel = .unknown("not root")
            },
            "WARN  permission: not root: kernel features, pins, programs and state were not looked at",
            "      sudo sluicectl doctor"),
    ]

    static let documents = [
        Trouble(
            "a wrong document", { $0.configurationProblems = ["sluiced.yaml:1:1: unknown key 'x'"] },
            "FAIL  configuration: sluiced.yaml:1:1: unknown key 'x'"),
        Trouble(
            "no clang",
            {
                $0.build.clang = nil
                $0.build.hasPrebuilt = true
            },
            "WARN  program: no clang was found, so the prebuilt general one serves: slower than one that has only "
                + "what is used",
            "      apt-get install clang   (or name one: SLUICE_CLANG=/path/to/clang)"),
        Trouble(
            "no clang and no prebuilt program", { $0.build.clang = nil },
            "FAIL  program: no clang was found and /usr/share/sluice/bpf has no prebuilt program: a change that needs "
                + "another one fails",
            "      apt-get install clang   (or name one: SLUICE_CLANG=/path/to/clang)"),
        Trouble(
            "neither sources nor a prebuilt program", { $0.build.hasSources = false },
            "FAIL  program: /usr/share/sluice/bpf has neither sources nor a prebuilt program",
            "      install bpf/ there, or name its folder: directories: { bpf: ... } in sluiced.yaml"),
    ]

    static let pins = [
        Trouble(
            "no bpffs before the first start",
            {
                $0.forgetInstallation()
                $0.interfaces = .known([])
                $0.pins { $0.isMounted = false }
            },
            "WARN  bpffs: /sys/fs/bpf/sluice lies on none: program and maps cannot be pinned there, or are not seen "
                + "from here",
            "      mount -t bpf bpf /sys/fs/bpf",
            "      `ip netns exec` hides it; use  nsenter --net=/run/netns/NAME sluicectl doctor",
            "note  sluiced: does not run, and has never run here", "      systemctl enable --now sluiced"),
        Trouble(
            "a missing map", { $0.pins { $0.missingMaps = ["slots", "vips"] } },
            "FAIL  pins: program 1f3a (IPv4, IPIP, tracking) is there, and of its maps are missing: slots, vips",
            "      sluicectl uninstall && systemctl restart sluiced   (packets pass by meanwhile)"),
        Trouble(
            "a link whose interface is gone",
            { $0.pins { $0.links.append(link("eth9", index: 0)) } },
            "WARN  eth9: its link is pinned, and the interface is gone", "      rm /sys/fs/bpf/sluice/links/eth9"),
        Trouble(
            "an interface that came back with another index",
            { $0.pins { $0.links = [link("eth0", index: 0)] } },
            "FAIL  eth0: went away and came back, and the program is off it: its packets are not steered",
            "      systemctl restart sluiced"),
        Trouble(
            "a link of an interface that nobody named",
            { $0.pins { $0.links.append(link("eth1", index: 3)) } },
            "WARN  eth1: runs the program, and the configuration does not name it",
            "      rm /sys/fs/bpf/sluice/links/eth1   (takes the program off), or name it in interfaces:"),
        Trouble(
            "a link with another program",
            { $0.pins { $0.links = [link("eth0", index: 2, program: 6)] } },
            "WARN  eth0: runs program id 6, and 7 is pinned", "      systemctl restart sluiced"),
    ]

    static let states = [
        Trouble(
            "an unreadable file of the state", { $0.stateProblems = ["read mark.json: it is cut"] },
            "FAIL  state: read mark.json: it is cut"),
        Trouble(
            "a file system without room",
            { $0.directories = [Facts.Directory(path: "/var/lib/sluice", freeBytes: 2_000_000)] },
            "FAIL  /var/lib/sluice: 2 MB free: a generation that cannot be written is not applied",
            "      df -h /var/lib/sluice"),
        Trouble(
            "little room", { $0.directories = [Facts.Directory(path: "/var/lib/sluice", freeBytes: 40_000_000)] },
            "WARN  /var/lib/sluice: 40 MB free: a generation that cannot be written is not applied",
            "      df -h /var/lib/sluice"),
        Trouble(
            "no files left",
            { $0.directories = [Facts.Directory(path: "/var/lib/sluice", freeBytes: 5_000_000_000, freeFiles: 12)] },
            "WARN  /var/lib/sluice: its file system takes only 12 more files", "      df -i /var/lib/sluice"),
        Trouble(
            "a file system that is read-only",
            {
                $0.directories = [
                    Facts.Directory(path: "/var/lib/sluice", refusal: "Read-only file system", freeBytes: 5_000_000_000)
                ]
            },
            "FAIL  /var/lib/sluice: cannot be written to: Read-only file system",
            "      mount -o remount,rw on its file system, or another folder in directories:"),
        Trouble(
            "a folder that is not there",
            { $0.directories = [Facts.Directory(path: "/run/sluice", exists: false, freeBytes: 0)] },
            "note  /run/sluice: is not there: sluiced makes it when it starts"),
    ]

    static let daemons = [
        Trouble(
            "a dead daemon", { $0.daemon = .silent("does not answer at /run/sluice/sluiced.sock") },
            "FAIL  sluiced: does not answer at /run/sluice/sluiced.sock: packets are steered by the pins, but no "
                + "probe runs "
                + "and no change is applied",
            "      systemctl start sluiced; journalctl -u sluiced -n 50"),
        Trouble(
            "a socket that is not ours", { $0.daemon = .refuses("/run/sluice/sluiced.sock: permission denied") },
            "WARN  sluiced: /run/sluice/sluiced.sock: permission denied"),
        Trouble(
            "a generation that was accepted and not applied",
            { $0.accepted = Facts.GenerationMark(epoch: 3, number: 18) },
            "FAIL  generation 3.18: accepted, but 3.17 is what the kernel does",
            "      journalctl -u sluiced -n 50   (says what stands in the way), then  sluicectl map verify"),
    ]

    private static func link(_ interface: String, index: UInt32, program: UInt32 = 7) -> Facts.Pins.Link {
        Facts.Pins.Link(path: "links/\(interface)", interface: interface, index: index, programID: program)
    }
}
