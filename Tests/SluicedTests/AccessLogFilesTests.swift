// SPDX-License-Identifier: Apache-2.0

import Foundation
import Model
import TestSupport
import Testing

@testable import sluiced

struct AccessLogFilesTests {
    private static let vip = VIP(address: IPAddress(v4: 0x0a00_0001), port: 80, transport: .tcp)
    private static let key = ListenerKey(.http, vip)

    private static func routing(_ path: String?) -> Routing {
        Routing(listeners: [Listener(name: "front", bind: vip, accessLog: path)])
    }

    @Test func `a log is opened once, and anew when it was moved away`() throws {
        let directory = try TemporaryDirectory()
        let path = directory.path + "/a.json"
        var files = AccessLogFiles()
        let looks = (0..<2).map { _ in files.look(Self.routing(path)) }
        #expect(looks == [true, false])
        let first = files.open[Self.key]?.number
        try FileManager.default.moveItem(atPath: path, toPath: path + ".1")
        files.look(Self.routing(path))
        #expect(FileManager.default.fileExists(atPath: path) && files.open[Self.key]?.number != first)
    }

    @Test func `a log whose folder is gone goes on in the file that is open, and is reported`() throws {
        let directory = try TemporaryDirectory()
        let folder = directory.path + "/logs"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        var files = AccessLogFiles()
        files.look(Self.routing(folder + "/a.json"))
        try FileManager.default.removeItem(atPath: folder)
        files.look(Self.routing(folder + "/a.json"))
        #expect(files.open.count == 1 && files.problems.count == 1)
    }

    @Test func `only a regular file is a log`() {
        var files = AccessLogFiles()
        files.look(Self.routing("/dev/null"))
        #expect(files.open.isEmpty)
        #expect(files.problems == ["access log of \(Self.vip): /dev/null is no regular file"])
    }

    @Test func `a log that nobody names any more is closed`() throws {
        let directory = try TemporaryDirectory()
        var files = AccessLogFiles()
        files.look(Self.routing(directory.path + "/a.json"))
        files.look(Self.routing(nil))
        #expect(files.open.isEmpty)
    }
}
