// SPDX-License-Identifier: Apache-2.0

import Documents
import Model

/// What checking a services document said, a line a problem; `no problem` where it is right.
func problems(ofServices text: String) -> String {
    do throws(Problems) {
        _ = try ServicesDocument.parse(text: text, file: "s.yaml")
        return "no problem"
    } catch {
        return error.description
    }
}

/// The same for a host's document.
func problems(ofHost text: String) -> String {
    do throws(Problems) {
        _ = try HostConfiguration.parse(text: text, file: "h.yaml")
        return "no problem"
    } catch {
        return error.description
    }
}

/// A document of one service, with lines of its own from line 4 on (indented by four) and one backend in the last.
func service(_ lines: String..., backend: String = "{ address: 10.0.0.1 }", vip: String = tcpVIP) -> String {
    (["services:", "  - name: web", "    vip: \(vip)"] + lines.map { "    " + $0 }
        + ["    backends: { static: [ \(backend) ] }"]).joined(separator: "\n") + "\n"
}

let tcpVIP = "{ address: 10.9.9.9, port: 80, protocol: tcp }"
let ipv6VIP = "{ address: 2001:db8::9, port: 80, protocol: tcp }"
let udpVIP = "{ address: 10.9.9.9, port: 53, protocol: udp }"
let anyVIP = "{ address: 10.9.9.9, port: any, protocol: tcp }"

/// A service in one line: `web 10.9.9.9:80/tcp ipip -> 10.0.0.1:80 w1`.
func notation(_ entry: DesiredState.Entry) -> String {
    let backends = entry.backends.map { "\($0.name) \($0.address) w\($0.weight)" }.joined(separator: ", ")
    return "\(entry.service.name) \(entry.service.vip) \(entry.service.forwarding) -> \(backends)"
}
