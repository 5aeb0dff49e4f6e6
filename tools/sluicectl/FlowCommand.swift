// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Dataplane
import Model

/// `sluicectl flow list`: the records of flows that a change would have moved.
struct FlowCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "flow", abstract: "See the flows that the kernel remembers.", subcommands: [List.self],
        defaultSubcommand: List.self)

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Records: only flows in unsettled slots have one. A record holds no address, only a fingerprint.")

        @Option(
            help: .init(
                "Look one flow up: the client's address and port, 198.51.100.7:51234.", valueName: "address:port"))
        var src: String?

        @Option(help: .init("The VIP it goes to; needed with --src: 10.9.9.9:80.", valueName: "address:port"))
        var dst: String?

        @Option(help: .init("tcp or udp.", valueName: "protocol"))
        var proto = "tcp"

        @Option(help: .init("At most so many.", valueName: "count"))
        var limit = 100

        @OptionGroup var options: CommonOptions

        func validate() throws {
            guard limit > 0 else { throw ValidationError("--limit: \(limit) is no number of records; 1 is the least") }
        }

        func run() throws {
            let state = try LocalState(options)
            let kernel = try Reach.kernel(of: state.host)
            let backends = Dictionary(
                state.generation.services.flatMap { service in
                    service.backends.map { ($0.id, (service.service.name, $0.backend.name)) }
                }
            ) { $1 }
            let records = try src.map { try lookUp($0, state, kernel) } ?? kernel.records(limit: limit)
            let rows = records.map { Row($0, backends[$0.backend]) }
            guard options.output == .table else { return try printJSON(rows) }
            Terminal.print(Self.text(rows, total: src == nil ? kernel.recordCount() : rows.count))
        }

        private func lookUp(_ source: String, _ state: LocalState, _ kernel: KernelState) throws -> [FlowRecord] {
            let flow = try FlowOptions.flow(source: source, destination: dst, proto: proto, in: state.generation)
            return kernel.record(of: flow).map { [$0] } ?? []
        }

        private static func text(_ rows: [Row], total: Int) -> String {
            guard !rows.isEmpty else { return "no record: the flow, if there is one, follows its slot\n" }
            var table = TextTable([
                .left("FINGERPRINT"), .left("SERVICE"), .left("BACKEND"), .left("STATE"), .right("AGE"),
            ])
            for row in rows {
                table.add(
                    row.fingerprint, row.service, row.backend, row.state, Units.age(seconds: Int64(row.ageSeconds)))
            }
            let more = total > rows.count ? "\(total - rows.count) more; see --limit\n" : ""
            return table.text + more
        }
    }

    struct Row: Encodable {
        var fingerprint: String
        var service: String
        var backend: String
        var backendId: UInt16
        var state: String
        /// In steps of eight.
        var ageSeconds: Int

        init(_ record: FlowRecord, _ names: (service: String, backend: String)?) {
            let digits = String(record.fingerprint, radix: 16)
            fingerprint = String(repeating: "0", count: 8 - digits.count) + digits
            service = names?.service ?? "?"
            backend = names?.backend ?? "id \(record.backend.rawValue)"
            backendId = record.backend.rawValue
            state = record.isEstablished ? "established" : "handshake"
            ageSeconds = record.age
        }
    }
}

/// A flow as it is typed: two ends and a protocol.
enum FlowOptions {
    static func end(_ text: String, _ option: String) throws -> (address: IPAddress, port: UInt16) {
        guard let vip = VIP(text + "/tcp") else {
            throw Failure(.usage, "\(option) \(text): not an address and a port; write 10.9.9.9:80 or [2001:db8::1]:80")
        }
        return (vip.address, vip.port)
    }

    static func transport(_ text: String) throws -> TransportProtocol {
        guard let transport = TransportProtocol(text) else { throw Failure(.usage, "--proto \(text): tcp or udp") }
        return transport
    }

    /// The service of a VIP, one for any port included.
    static func service(of vip: VIP, in generation: Generation) throws -> PlacedService {
        let anyPort = VIP(address: vip.address, port: 0, transport: vip.transport)
        for candidate in [vip, anyPort] {
            if let found = generation.services.first(where: { $0.service.vip == candidate }) { return found }
        }
        throw Failure(.failed, "\(vip) is no VIP of this host", remedy: "see  sluicectl service list")
    }

    static func flow(
        source: String, destination: String?, proto: String, in generation: Generation
    ) throws -> Flow {
        guard let destination else { throw Failure(.usage, "--src needs --dst, the VIP that the flow goes to") }
        let client = try end(source, "--src")
        let target = try end(destination, "--dst")
        let vip = VIP(address: target.address, port: target.port, transport: try transport(proto))
        let service = try service(of: vip, in: generation)
        // With any port, the VIP's alone is no flow's: each port that a client dials is a flow of its own.
        guard target.port != 0 else { throw Failure(.usage, "--dst \(destination): write the port that is dialled") }
        return Flow(
            client: client.address, clientPort: client.port, vipPort: target.port, service: service,
            seed: generation.seed)
    }
}
