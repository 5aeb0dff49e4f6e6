// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Dataplane
import Model
import Reconciler

/// `sluicectl explain`: what the program in the kernel would do with a packet, told by itself; or where a request goes.
struct ExplainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain",
        abstract: "Ask where a packet or a request goes, and why; nothing is changed by asking.",
        discussion: """
            A packet (--src, --dst) is put to the program in the kernel. A request (--url) is put to the table of routes that \
            the workers go by: the listener, the route, why no other one, the service and its backends.
            """)

    @Option(
        help: .init(
            "The client's address and port: 198.51.100.7:51234 or [2001:db8::1]:51234.", valueName: "address:port"))
    var src: String

    @Option(
        help: .init(
            "The VIP: 10.9.9.9:80. With --url: the listener's, where several have the port.", valueName: "address:port")
    )
    var dst: String?

    @Option(help: .init("A request instead of a packet: https://example.org/api/.", valueName: "url"))
    var url: String?

    @Option(name: [.customShort("H"), .long], help: .init("A header of the request.", valueName: "name: value"))
    var header: [String] = []

    @Option(help: "The request's method.")
    var method = "GET"

    @Option(help: .init("tcp or udp.", valueName: "protocol"))
    var proto = "tcp"

    @Flag(help: "A new connection (SYN) instead of a packet of an established one.")
    var syn = false

    @OptionGroup var options: CommonOptions

    func validate() throws {
        if dst == nil, url == nil { throw ValidationError("--dst (a packet's) or --url (a request's) is needed") }
        if url == nil, !header.isEmpty { throw ValidationError("-H belongs to --url") }
    }

    func run() throws {
        if let url { return try explain(url) }
        let host = try options.host()
        let kept = HostState.look(at: host.directories.state)
        let generation = kept.inForce?.generation
        let packet = try packet()
        if let sockets = generation.flatMap({ SocketsExplanation(packet, in: $0, down: kept.downIDs(in: $0)) }) {
            return options.output == .table ? Terminal.print(sockets.text) : try printJSON(sockets)
        }
        let kernel = try Reach.kernel(of: host)
        let explanation = try kernel.explain(packet)
        switch options.output {
        case .table: Terminal.print(try text(explanation, generation, kernel))
        case .json: try printJSON(Answer(explanation, generation))
        }
    }

    private func explain(_ url: String) throws {
        let asked = try RequestURL(url: url, method: method, headers: header, src: src)
        let state = try LocalState(options)
        let listener = try asked.listener(of: state.generation.routing.listeners, dst: dst)
        let explanation = try RequestExplanation.make(asked, listener, state)
        options.output == .table ? Terminal.print(explanation.text) : try printJSON(explanation)
    }

    private func packet() throws -> MadePacket {
        let source = try FlowOptions.end(src, "--src")
        let target = try FlowOptions.end(dst ?? "", "--dst")
        guard source.address.isIPv4 == target.address.isIPv4 else {
            throw Failure(.usage, "--src and --dst: one is IPv4, the other IPv6")
        }
        let kind: MadePacket.Kind = try FlowOptions.transport(proto) == .udp ? .udp : syn ? .tcpSYN : .tcpACK
        return MadePacket(
            source: source.address, sourcePort: source.port, destination: target.address, destinationPort: target.port,
            kind: kind)
    }

    private func text(_ explanation: Explanation, _ generation: Generation?, _ kernel: KernelState) throws -> String {
        let lines = explanation.lines(in: generation) + [(subject: "asked", text: try asked(kernel))]
        let width = lines.map(\.subject.count).max() ?? 0
        return lines.map { line in
            line.subject + String(repeating: " ", count: width - line.subject.count) + "  " + line.text + "\n"
        }.joined()
    }

    private func asked(_ kernel: KernelState) throws -> String {
        let interfaces = try kernel.interfaces().map { one in
            "\(one.pin)\(one.mode.map { ", XDP \($0)" } ?? "")"
        }
        let place = interfaces.isEmpty ? "attached to no interface" : interfaces.joined(separator: "; ")
        return "the program in the kernel (\(place)), no counter or record changed"
    }

    private struct Answer: Encodable {
        var verdict: String
        var reason: String
        var service: String?
        var slot: Int?
        var isUnsettled: Bool?
        var current: String?
        var previous: String?
        var backend: String?
        var newConnection: String?
        var recorded: Bool
        var flow: String
        var sends: String?
        var outputBytes: Int?

        init(_ explanation: Explanation, _ generation: Generation?) {
            let placed = explanation.service.flatMap { id in generation?.services.first { $0.id == id } }
            func name(_ id: BackendID?) -> String? {
                id.map { id in placed?.backends.first { $0.id == id }?.backend.name ?? "id \(id.rawValue)" }
            }
            verdict = "\(explanation.verdict)"
            reason = explanation.reason.name
            service = placed?.service.name ?? explanation.service.map { "id \($0.rawValue)" }
            slot = explanation.slot == nil ? nil : explanation.slotIndex
            isUnsettled = explanation.slot?.isUnsettled
            current = name(explanation.slot?.current)
            previous = name(explanation.slot?.previous)
            backend = name(explanation.backend)
            newConnection = name(explanation.newConnection)
            recorded = explanation.record != nil
            flow = String(explanation.flowHash, radix: 16)
            sends = explanation.output.map { "\($0)" }
            outputBytes = explanation.output?.length
        }
    }
}
