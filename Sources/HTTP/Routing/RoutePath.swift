// SPDX-License-Identifier: Apache-2.0

/// The path that routes are matched with. The original is what is forwarded.
enum RoutePath {
    /// The path of a target without its query, as RFC 3986, 6.2.2 makes equal ones equal: escapes of unreserved
    /// characters decoded and others in upper case, dot segments resolved; and slashes that follow each other are one.
    /// A slash that is escaped stays so.
    ///
    /// - Parameter scratch: has room for the target; written only where something changes.
    /// - Returns: part of either; nil: a percent sign without two digits.
    static func normalised(
        _ target: UnsafeBufferPointer<UInt8>, scratch: UnsafeMutableBufferPointer<UInt8>
    ) -> UnsafeBufferPointer<UInt8>? {
        var end = 0
        var isPlain = true
        var last: UInt8 = 0
        for byte in target {
            if byte == 0x3f { break }
            if byte == 0x25 || last == 0x2f && (byte == 0x2f || byte == 0x2e) { isPlain = false }
            last = byte
            end &+= 1
        }
        let path = UnsafeBufferPointer(rebasing: target[..<end])
        if isPlain { return path }
        guard scratch.count >= end, let count = unescape(path, scratch) else { return nil }
        return UnsafeBufferPointer(rebasing: UnsafeBufferPointer(scratch)[..<resolve(scratch, count)])
    }

    /// Decodes what may be decoded; answers how many bytes are left, never more than there were.
    private static func unescape(
        _ path: UnsafeBufferPointer<UInt8>, _ out: UnsafeMutableBufferPointer<UInt8>
    ) -> Int? {
        var count = 0
        var at = 0
        while at < path.count {
            let byte = path[at]
            guard byte == 0x25 else {
                out[count] = byte
                count &+= 1
                at &+= 1
                continue
            }
            guard at &+ 2 < path.count, let high = digit(path[at &+ 1]), let low = digit(path[at &+ 2]) else {
                return nil
            }
            let decoded = high << 4 | low
            if isUnreserved(decoded) {
                out[count] = decoded
                count &+= 1
            } else {
                out[count] = 0x25
                out[count &+ 1] = upper(path[at &+ 1])
                out[count &+ 2] = upper(path[at &+ 2])
                count &+= 3
            }
            at &+= 3
        }
        return count
    }

    /// Takes out `.`, `..` and empty segments in place (RFC 3986, 5.2.4); answers how many bytes are left.
    private static func resolve(_ path: UnsafeMutableBufferPointer<UInt8>, _ count: Int) -> Int {
        // What is written never overtakes what is read.
        var end = 0
        var at = 0
        while at < count {
            guard path[at] == 0x2f else {
                path[end] = path[at]
                end &+= 1
                at &+= 1
                continue
            }
            var next = at &+ 1
            while next < count && path[next] != 0x2f { next &+= 1 }
            let length = next &- at &- 1
            let isLast = next == count
            if length == 1 && path[at &+ 1] == 0x2e || length == 0 && !isLast {
                at = next
            } else if length == 2 && path[at &+ 1] == 0x2e && path[at &+ 2] == 0x2e {
                while end > 0 && path[end &- 1] != 0x2f { end &-= 1 }
                if end > 0 { end &-= 1 }
                at = next
            } else {
                while at < next {
                    path[end] = path[at]
                    end &+= 1
                    at &+= 1
                }
                continue
            }
            // What ends in a dot segment is a folder.
            if isLast {
                path[end] = 0x2f
                end &+= 1
            }
        }
        return end
    }

    private static func isUnreserved(_ byte: UInt8) -> Bool {
        (byte | 0x20) &- 0x61 < 26 || byte &- 0x30 < 10 || byte == 0x2d || byte == 0x2e || byte == 0x5f || byte == 0x7e
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        if byte &- 0x30 < 10 { return byte &- 0x30 }
        return (byte | 0x20) &- 0x61 < 6 ? (byte | 0x20) &- 0x61 &+ 10 : nil
    }

    private static func upper(_ byte: UInt8) -> UInt8 { byte &- 0x61 < 6 ? byte &- 0x20 : byte }

    // MARK: A hash that grows with the path (Fowler, Noll, Vo), one for each host

    @inline(__always)
    static func begin(host: Int) -> UInt64 {
        (0xcbf2_9ce4_8422_2325 ^ UInt64(truncatingIfNeeded: host)) &* 0x0000_0100_0000_01b3
    }

    @inline(__always)
    static func add(_ byte: UInt8, to hash: UInt64) -> UInt64 { (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 }

    @inline(__always)
    static func end(_ hash: UInt64) -> UInt32 { UInt32(truncatingIfNeeded: hash ^ hash &>> 32) }

    @inline(__always)
    static func hash(_ path: UnsafeBufferPointer<UInt8>, _ count: Int, host: Int) -> UInt32 {
        var hash = begin(host: host)
        for index in 0..<count { hash = add(path[index], to: hash) }
        return end(hash)
    }
}

/// The name of a host as routes are matched with it.
enum RouteHost {
    /// Without port and final dot; an address in brackets keeps them.
    static func name(_ authority: UnsafeBufferPointer<UInt8>) -> UnsafeBufferPointer<UInt8> {
        var end = authority.count
        var at = end
        while at > 0 {
            at &-= 1
            let byte = authority[at]
            if byte == 0x3a {
                end = at
                break
            }
            guard byte &- 0x30 < 10 else { break }
        }
        if end > 1 && authority[end &- 1] == 0x2e { end &-= 1 }
        return UnsafeBufferPointer(rebasing: authority[..<end])
    }

    static func dot(_ name: UnsafeBufferPointer<UInt8>, from start: Int) -> Int? {
        var at = start
        while at < name.count {
            if name[at] == 0x2e { return at }
            at &+= 1
        }
        return nil
    }

    /// Of the name in lower case.
    @inline(__always)
    static func hash(_ name: UnsafeBufferPointer<UInt8>, isEnding: Bool) -> UInt32 {
        var hash = RoutePath.begin(host: isEnding ? 1 : 0)
        for byte in name { hash = RoutePath.add(FieldText.lower(byte), to: hash) }
        return RoutePath.end(hash)
    }
}
