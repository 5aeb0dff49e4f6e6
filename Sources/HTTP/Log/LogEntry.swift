// SPDX-License-Identifier: Apache-2.0

import EventLoop

/// What the access log says of one request. A time below 0 is of what did not happen.
struct LogEntry {
    var client: SocketAddress
    var speech: StaticString
    /// -1: nothing of it could be read.
    var head: RequestHead
    /// 0: none was sent.
    var status: UInt16
    var bytesIn: Int64
    var bytesOut: Int64
    /// In microseconds.
    var duration: Int64
    var upstreamTime: Int64
    var route: LogText
    /// Of its backend, with the service's; nil: none was chosen.
    var service: LogText?
    var backend: LogText?
    var reason: StaticString

    /// The members behind the listener, for which there is room.
    func write(_ section: borrowing FieldSection, to line: inout ByteWriter) {
        line.append(#","protocol":""#)
        line.append(speech)
        line.append(#"","method":"#)
        write(head.method, section, to: &line)
        line.append(#","authority":"#)
        write(head.authority, section, to: &line)
        line.append(#","path":"#)
        write(head.path, section, to: &line)
        line.append(#","user_agent":"#)
        let agent = head.method >= 0 ? section.first(.userAgent) ?? -1 : -1
        write(Int32(truncatingIfNeeded: agent), section, to: &line)
        line.append(#","status":"#)
        if status > 0 { line.append(decimal: Int(status)) } else { line.append("null") }
        line.append(#","bytes_in":"#)
        line.append(decimal: Int(bytesIn))
        line.append(#","bytes_out":"#)
        line.append(decimal: Int(bytesOut))
        line.append(#","duration_ms":"#)
        line.append(milliseconds: duration)
        line.append(#","upstream_ms":"#)
        line.append(milliseconds: upstreamTime)
        line.append(#","route":"#)
        route.write(to: &line)
        line.append(#","service":"#)
        write(service, to: &line)
        line.append(#","backend":"#)
        write(backend, to: &line)
        line.append(#","reason":""#)
        line.append(reason)
        line.append("\"")
    }

    private func write(_ number: Int32, _ section: borrowing FieldSection, to line: inout ByteWriter) {
        guard number >= 0 && Int(number) < section.count else { return line.append("null") }
        let value = section.value(section[Int(number)])
        line.append(json: UnsafeBufferPointer(rebasing: value.prefix(AccessLog.valueMost)))
    }

    private func write(_ text: LogText?, to line: inout ByteWriter) {
        if let text { text.write(to: &line) } else { line.append("null") }
    }
}
