// SPDX-License-Identifier: Apache-2.0

import CDataplane
import Glibc
import Model

extension HostConfiguration {
    /// Reads and checks a file. Throws everything that is wrong with it.
    public static func load(path: String) throws(Problems) -> HostConfiguration {
        let bytes = try FileText.read(path: path)
        return try parse(text: FileText.decode(bytes, file: path), file: path)
    }

    /// Checks a text. `file` names it in problems, and the services document lies relative to its folder.
    public static func parse(text: String, file: String) throws(Problems) -> HostConfiguration {
        let report = Report(file: file)
        let composition = try Composition(FileText.checked(text, file: file), file: file)
        let configuration = HostReader.configuration(Reader(composition, report: report), file: file)
        try report.finish()
        // Without a problem there is a configuration.
        guard let configuration else { throw Problems([Problem(file: file, message: "holds no configuration")]) }
        return configuration
    }
}

/// From `sluiced.yaml` to `HostConfiguration`.
enum HostReader {
    private static let keys = [
        "host", "interfaces", "datapath", "directories", "services", "coordination", "discovery", "admin", "templates",
        "workers",
    ]

    static func configuration(_ reader: Reader, file: String) -> HostConfiguration? {
        guard let fields = Fields(reader, of: "the host's document", keys: keys) else { return nil }
        let interfaces = fields.required("interfaces").map(interfaces) ?? []
        let host = fields["host"].map { $0.word(lengthMax: 253, NameRule.host) } ?? hostname(fields)
        let services = fields["services"].map { $0.path() } ?? HostConfiguration.servicesName
        var result = HostConfiguration(
            host: host ?? "", interfaces: interfaces, services: beside(file, services ?? ""))
        if let reader = fields["datapath"] { read(reader, into: &result.datapath) }
        if let reader = fields["directories"] { read(reader, into: &result.directories) }
        if let reader = fields["coordination"] {
            result.coordination = CoordinationReader(reader: reader).coordination() ?? result.coordination
        }
        result.discovery = fields["discovery"].flatMap(DiscoveryReader.source)
        if result.coordination.isShared {
            // Its report lies under its name.
            if result.host.utf8.count > 128 { fields.problem("host: with a shared store 128 bytes at most") }
            fields["services"]?.problem(
                "with store \(result.coordination.storeName) the services lie in the store: "
                    + "remove the key, and run  sluicectl apply \(Quoted.bare(services ?? "FILE"))")
        }
        result.templates = fields["templates"].map(TemplatesReader { beside(file, $0) }.templates) ?? []
        if let reader = fields["admin"] { read(reader, into: &result.admin) }
        if let reader = fields["workers"] { read(reader, into: &result.workers) }
        return result
    }

    /// A relative path starts at the folder of the document that names it.
    private static func beside(_ file: String, _ path: String) -> String {
        guard !path.hasPrefix("/"), let slash = file.lastIndex(of: "/") else { return path }
        return file[...slash] + path
    }

    private static func hostname(_ fields: Fields) -> String? {
        var bytes = [CChar](repeating: 0, count: 256)
        guard gethostname(&bytes, bytes.count - 1) == 0 else {
            fields.problem("host: the system has no hostname: \(String(cString: strerror(errno)))")
            return nil
        }
        let name = bytes.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
        return String(decoding: name, as: UTF8.self)
    }

    private static func interfaces(_ reader: Reader) -> [String] {
        let readers = reader.elements(of: "interfaces")
        if case .list(let nodes) = reader.kind {
            if nodes.isEmpty { reader.problem("at least one interface is needed") }
            if nodes.count > PORTS_MAX { reader.problem("\(nodes.count) interfaces; the maps hold \(PORTS_MAX)") }
        }
        var names: [String] = []
        for element in readers {
            guard let name = element.word(lengthMax: 15, NameRule.interface) else { continue }
            if names.contains(name) { element.problem("\(Quoted.text(name)) is listed twice") }
            names.append(name)
        }
        return names
    }

    private static func read(_ reader: Reader, into datapath: inout HostConfiguration.Datapath) {
        let keys = ["mode", "source-prefix", "source-prefix6", "bpf-root", "foreign"]
        guard let fields = Fields(reader, of: "'datapath'", keys: keys) else { return }
        if let reader = fields["mode"] { datapath.mode = mode(reader) ?? datapath.mode }
        let prefix = fields["source-prefix"]?.sourcePrefix(isIPv4: true, lengths: 8...32)
        let prefix6 = fields["source-prefix6"]?.sourcePrefix(isIPv4: false, lengths: 8...64)
        datapath.sourcePrefix = prefix ?? datapath.sourcePrefix
        datapath.sourcePrefix6 = prefix6 ?? datapath.sourcePrefix6
        if let reader = fields["bpf-root"], let path = reader.absolutePath() {
            // The file system of pins refuses names with a dot.
            if path.split(separator: "/").last?.contains(".") == true { reader.problem("no dot in the last folder") }
            datapath.bpfRoot = path
        }
        datapath.foreign = fields["foreign"]?.choice(HostConfiguration.Datapath.Foreign.self) ?? datapath.foreign
    }

    private static func mode(_ reader: Reader) -> HostConfiguration.Datapath.Mode? {
        reader.choice(HostConfiguration.Datapath.Mode.self)
    }

    private static func read(_ reader: Reader, into directories: inout HostConfiguration.Directories) {
        guard let fields = Fields(reader, of: "'directories'", keys: ["state", "cache", "run", "bpf"]) else { return }
        directories.state = fields["state"]?.absolutePath() ?? directories.state
        directories.cache = fields["cache"]?.absolutePath() ?? directories.cache
        directories.run = fields["run"]?.absolutePath() ?? directories.run
        directories.bpf = fields["bpf"]?.absolutePath() ?? directories.bpf
    }

    private static func read(_ reader: Reader, into workers: inout HostConfiguration.Workers) {
        guard let fields = Fields(reader, of: "'workers'", keys: ["count", "user"]) else { return }
        workers.count = fields["count"]?.integer(1...HostConfiguration.Workers.countMax)
        workers.user = fields["user"]?.word(lengthMax: 32, NameRule.group) ?? workers.user
    }

    private static func read(_ reader: Reader, into admin: inout HostConfiguration.Admin) {
        guard let fields = Fields(reader, of: "'admin'", keys: ["group", "metrics"]) else { return }
        admin.group = fields["group"]?.word(lengthMax: 32, NameRule.group) ?? admin.group
        guard let reader = fields["metrics"] else { return }
        guard case .text(let text) = reader.kind, let endpoint = Endpoint(text) else {
            return reader.expected("an address and a port such as 127.0.0.1:9464")
        }
        admin.metrics = endpoint
    }
}
