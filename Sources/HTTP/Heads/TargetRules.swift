// SPDX-License-Identifier: Apache-2.0

/// Which bytes a request's method and target may have. Stricter than a field's value: a blank or a line end here would
/// be a request of its own in HTTP/1.1.
enum TargetRules {
    /// RFC 9110, 9.1.
    static func isMethod(_ text: UnsafeBufferPointer<UInt8>) -> Bool {
        for byte in text where !ByteSet.token.contains(byte) { return false }
        return !text.isEmpty
    }

    /// RFC 3986, 3.1, in lower case.
    static func isScheme(_ text: UnsafeBufferPointer<UInt8>) -> Bool {
        guard let first = text.first, first &- 0x61 < 26 else { return false }
        for byte in text where !ByteSet.scheme.contains(byte) { return false }
        return true
    }

    /// `host` or `host:port` without user information (RFC 9113, 8.3.1).
    static func isAuthority(_ text: UnsafeBufferPointer<UInt8>) -> Bool {
        for byte in text where !ByteSet.authority.contains(byte) { return false }
        return !text.isEmpty
    }

    /// An absolute path with its query, or `*` for OPTIONS (RFC 9113, 8.3.1); never a fragment. Bytes from 0x80 on are
    /// let through: clients send them, and they mean nothing to HTTP.
    @inline(__always)
    static func isPath(_ text: UnsafeBufferPointer<UInt8>, for method: RequestHead.Method) -> Bool {
        guard let first = text.first else { return false }
        guard first == 0x2f else { return first == 0x2a && text.count == 1 && method == .options }
        for byte in text where byte <= 0x20 || byte == 0x7f || byte == 0x23 { return false }
        return true
    }
}
