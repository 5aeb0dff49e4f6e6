// SPDX-License-Identifier: Apache-2.0

import Glibc

/// The text of a file that may be a document: of bounded size, UTF-8, without characters that YAML forbids.
enum FileText {
    /// Far above the largest document that the maps could hold.
    static let bytesMax = 16 << 20

    /// Reads a whole file. Throws one problem, with the system's words, where that is not possible.
    static func read(path: String) throws(Problems) -> [UInt8] {
        // Non-blocking, so that a pipe without a writer is refused instead of waited for.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw unreadable(path, errno) }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw unreadable(path, errno) }
        guard status.st_mode & S_IFMT == S_IFREG else {
            let kind = status.st_mode & S_IFMT == S_IFDIR ? "a directory" : "a device, pipe or socket"
            throw whole(path, "cannot be read: it is \(kind), not a file")
        }
        return try contents(of: descriptor, path: path)
    }

    private static func contents(of descriptor: Int32, path: String) throws(Problems) -> [UInt8] {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = Glibc.read(descriptor, &buffer, buffer.count)
            if count < 0 {
                if errno == EINTR { continue }
                throw unreadable(path, errno)
            }
            guard count > 0 else { return bytes }
            bytes += buffer[..<count]
            guard bytes.count <= bytesMax else { throw whole(path, "larger than \(bytesMax >> 20) MiB") }
        }
    }

    /// Decodes bytes strictly. Throws the place of the first byte that is not UTF-8.
    static func decode(_ bytes: [UInt8], file: String) throws(Problems) -> String {
        if let text = String(validating: bytes, as: UTF8.self) { return text }
        var decoder = UTF8()
        var iterator = bytes.makeIterator()
        var walk = PlaceWalk()
        while case .scalarValue(let scalar) = decoder.decode(&iterator) { walk.pass(scalar) }
        throw Problems([Problem(file: file, place: walk.place, message: "not UTF-8 from here on")])
    }

    /// The text without a byte order mark, each line's end one character. Throws where it is too large, or holds a
    /// character that no document may.
    static func checked(_ text: String, file: String) throws(Problems) -> String {
        guard text.utf8.count <= bytesMax else { throw whole(file, "larger than \(bytesMax >> 20) MiB") }
        var text = text
        if text.unicodeScalars.first == "\u{feff}" { text.unicodeScalars.removeFirst() }
        text.makeContiguousUTF8()
        var walk = PlaceWalk()
        for scalar in text.unicodeScalars {
            guard isAllowed(scalar) else {
                let message = "the character \(Quoted.codePoint(scalar)) cannot stand in a document"
                throw Problems([Problem(file: file, place: walk.place, message: message)])
            }
            walk.pass(scalar)
        }
        return text.utf8.contains(UInt8(ascii: "\r")) ? withoutReturns(text) : text
    }

    private static func withoutReturns(_ text: String) -> String {
        var result = String.UnicodeScalarView()
        var afterReturn = false
        for scalar in text.unicodeScalars {
            if !(afterReturn && scalar == "\n") { result.append(scalar == "\r" ? "\n" : scalar) }
            afterReturn = scalar == "\r"
        }
        return String(result)
    }

    /// YAML 1.2 §5.1, less the private-use characters, which `Composition` takes for its own marks.
    private static func isAllowed(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x20...0x7e, 0x09, 0x0a, 0x0d, 0x85, 0xa0...0xd7ff, 0xf900...0xfefe, 0xff00...0xfffd, 0x10000...: true
        default: false
        }
    }

    private static func unreadable(_ path: String, _ code: Int32) -> Problems {
        whole(path, "cannot be read: \(String(cString: strerror(code)))")
    }

    private static func whole(_ file: String, _ message: String) -> Problems {
        Problems([Problem(file: file, message: message)])
    }
}

/// Counts lines and columns as the YAML parser does.
struct PlaceWalk {
    private(set) var place = Place(line: 1, column: 1)
    private var afterReturn = false

    mutating func pass(_ scalar: Unicode.Scalar) {
        defer { afterReturn = scalar == "\r" }
        switch scalar {
        case "\n" where afterReturn: break
        case "\n", "\r", "\u{85}", "\u{2028}", "\u{2029}": place = Place(line: place.line + 1, column: 1)
        default: place.column += 1
        }
    }
}
