// SPDX-License-Identifier: Apache-2.0

import BPF
import CDataplane
import Dataplane
import Diagnosis
import Documents
import Glibc
import Model
import Reconciler

/// Reads all the facts of this host, in the network namespace of its caller. What cannot be read is left out by name.
struct HostSurvey {
    private let options: CommonOptions
    private let host: HostConfiguration
    private let problems: [String]

    /// Where the host's document cannot be read, defaults stand for it.
    init(_ options: CommonOptions) {
        self.options = options
        do {
            host = try HostConfiguration.load(path: options.config)
            problems = []
        } catch {
            host = HostConfiguration(host: "", interfaces: [], services: "")
            problems = error.list.map(\.description)
        }
    }

    func facts() async -> Facts {
        var facts = Facts(interfacePlaces: UInt32(INTERFACES_MAX), guePort: UInt16(GUE_PORT))
        facts.configurationProblems = problems
        facts.isRoot = geteuid() == 0
        facts.cpus = max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))
        facts.mode = Facts.Mode(rawValue: host.datapath.mode.rawValue) ?? .auto
        facts.replacesForeign = host.datapath.foreign == .replace
        facts.sourcePrefixes = [host.datapath.sourcePrefix, host.datapath.sourcePrefix6]
        facts.kernel = facts.isRoot ? .known(Self.kernel()) : .unknown("not root")
        facts.build = build()
        facts.pins = PinSurvey(root: host.datapath.bpfRoot).pins()
        facts.directories = [host.directories.state, host.directories.cache, host.directories.run].map(
            DirectorySurvey.directory)
        facts.forwards4 = KernelSetting.flag("net/ipv4/ip_forward")
        facts.forwards6 = KernelSetting.flag("net/ipv6/conf/all/forwarding")
        facts.tracksConnections = access("/proc/sys/net/netfilter/nf_conntrack_max", F_OK) == 0
        facts.ownAddresses = OwnAddresses.list()
        facts.interfaces = InterfaceSurvey(names: host.interfaces, isRoot: facts.isRoot).interfaces()
        await readServices(into: &facts)
        let discovery = DiscoverySurvey(host: host)
        facts.secrets = discovery.secrets()
        facts.discovery = await discovery.discovery()
        facts.fleet = await FleetSurvey(host: host, options: options).fleet()
        return facts
    }

    private func readServices(into facts: inout Facts) async {
        let daemon = await DaemonSurvey.ask(options)
        facts.daemon = daemon.facts
        let kept = HostState.look(at: host.directories.state)
        // What may not be looked at is said once, for all.
        facts.stateProblems = Reach.isDenied(host.directories.state) ? [] : kept.problems
        facts.accepted = kept.publication.map {
            Facts.GenerationMark(epoch: $0.generation.epoch, number: $0.generation.number)
        }
        let routing = kept.inForce?.generation.routing
        facts.certificates = CertificateSurvey(listeners: routing?.listeners ?? []).certificates()
        let survey = ServiceSurvey(document: host.services, kept: kept, daemon: daemon)
        (facts.services, facts.vips) = await survey.services(interfaces: facts.interfaces.value ?? [])
    }

    private static func kernel() -> Facts.Kernel {
        let features = KernelFeatures.probe()
        var kernel = Facts.Kernel(major: features.release.major, minor: features.release.minor)
        kernel.xdp = features.xdp
        kernel.xdpLink = features.xdpLink
        kernel.coarseClock = features.coarseClock
        kernel.xdpFragments = features.xdpFragments
        kernel.reuseport = features.reuseport
        kernel.membarrier = features.membarrier
        kernel.typeInformation = features.typeInformation
        kernel.jit = KernelSetting.flag("net/core/bpf_jit_enable")
        return kernel
    }

    private func build() -> Facts.Build {
        var build = Facts.Build()
        build.folder = host.directories.bpf
        build.clang = Compiler.find()
        build.hasSources = access("\(build.folder)/steer.bpf.c", R_OK) == 0
        let supported = Features.supported(by: KernelFeatures.probe())
        build.hasPrebuilt = PrebuiltProgram.serving(supported, in: build.folder) != nil
        return build
    }
}
