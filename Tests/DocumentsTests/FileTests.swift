// SPDX-License-Identifier: Apache-2.0

import Documents
import Glibc
import Testing

/// What reading a file of these bytes said, with the file called `FILE`.
private func problems(ofFile bytes: [UInt8]) throws -> String {
    let path = "/tmp/sluice-configuration-test-\(getpid())-\(UInt32.random(in: 0 ... .max)).yaml"
    let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL, 0o600)
    try #require(descriptor >= 0)
    defer { unlink(path) }
    var written = 0
    while written < bytes.count {
        let count = bytes[written...].withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
        try #require(count > 0)
        written += count
    }
    close(descriptor)
    return problems(ofPath: path).split(separator: path, omittingEmptySubsequences: false).joined(separator: "FILE")
}

private func problems(ofPath path: String) -> String {
    do throws(Problems) {
        _ = try ServicesDocument.load(path: path)
        return "no problem"
    } catch {
        return error.description
    }
}

@Suite struct `A file` {
    @Test func `of the right kind is read`() throws {
        #expect(try problems(ofFile: Array(service().utf8)) == "no problem")
    }

    @Test func `that is not there is refused with the system's words`() {
        #expect(problems(ofPath: "/nowhere/s.yaml") == "/nowhere/s.yaml: cannot be read: No such file or directory")
    }

    @Test func `that is a folder or a device is refused`() {
        #expect(problems(ofPath: "/tmp") == "/tmp: cannot be read: it is a directory, not a file")
        #expect(
            problems(ofPath: "/dev/zero") == "/dev/zero: cannot be read: it is a device, pipe or socket, not a file")
    }

    @Test func `that is empty is refused`() throws {
        #expect(try problems(ofFile: []) == "FILE:1:1: the document is empty")
    }

    @Test func `that is not UTF-8 is refused at the byte`() throws {
        let latin = Array("services: []\n# é".utf8) + [0xe9, 0x0a]
        #expect(try problems(ofFile: latin) == "FILE:2:4: not UTF-8 from here on")
    }

    @Test func `that is cut short within a service is refused`() throws {
        let whole = service(backend: "{ address: 10.0.0.1, weight: 3 }")
        let cut = Array(whole.utf8.dropLast(8))
        #expect(try problems(ofFile: cut).hasPrefix("FILE:4:"))
    }

    @Test func `of more than 16 MiB is refused`() throws {
        let bytes = [UInt8](repeating: UInt8(ascii: "#"), count: 16 << 20 | 1)
        #expect(try problems(ofFile: bytes) == "FILE: larger than 16 MiB")
    }
}
