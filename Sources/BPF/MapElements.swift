// SPDX-License-Identifier: Apache-2.0

import CBPF
import Glibc

/// When an update may happen.
public enum UpdateCondition: UInt64, Sendable {
    case always = 0
    /// Only if the key is not there yet.
    case absent = 1
    /// Only if the key is there.
    case present = 2
}

extension Map {
    /// The value of `key`, or nil if there is none.
    public func lookup<Key: BitwiseCopyable, Value: BitwiseCopyable>(
        _ key: Key, as value: Value.Type
    ) throws(BPFError) -> Value? {
        try require(Key.self, Value.self, perCPU: false)
        return try lookup(key, bytes: valueSize)?.withUnsafeBytes { $0.loadUnaligned(as: Value.self) }
    }

    /// The values of `key` in a per-CPU map, one for each CPU that may ever be there; nil if there is none.
    public func lookupPerCPU<Key: BitwiseCopyable, Value: BitwiseCopyable>(
        _ key: Key, as value: Value.Type
    ) throws(BPFError) -> [Value]? {
        try require(Key.self, Value.self, perCPU: true)
        let stride = Self.roundedUp(valueSize)
        let cpus = Int(try Self.possibleCPUs())
        guard let bytes = try lookup(key, bytes: stride * cpus) else { return nil }
        return bytes.withUnsafeBytes { bytes in
            (0..<cpus).map { bytes.loadUnaligned(fromByteOffset: $0 * stride, as: Value.self) }
        }
    }

    /// Sets the value of `key`.
    public func update<Key: BitwiseCopyable, Value: BitwiseCopyable>(
        _ key: Key, _ value: Value, if condition: UpdateCondition = .always
    ) throws(BPFError) {
        try require(Key.self, Value.self, perCPU: false)
        let result = withUnsafeBytes(of: key) { key in
            withUnsafeBytes(of: value) { value in
                bpf_map_update_elem(descriptor, key.baseAddress, value.baseAddress, condition.rawValue)
            }
        }
        guard result < 0 else { return }
        throw BPFError("update", subject(key), code: result, cause: cause(ofUpdate: -result))
    }

    /// Sets many values, by one system call where the kernel can, else one by one.
    ///
    /// What comes before the failing element stays set.
    public func update<Key: BitwiseCopyable, Value: BitwiseCopyable>(
        _ keys: [Key], _ values: [Value]
    ) throws(BPFError) {
        precondition(keys.count == values.count, "a value for each key")
        try require(Key.self, Value.self, perCPU: false)
        let packed = MemoryLayout<Key>.stride == keySize && MemoryLayout<Value>.stride == valueSize
        var count = UInt32(keys.count)
        if packed && cbpf_map_update_batch(descriptor, keys, values, &count, 0) == 0 { return }
        // A kernel without batches for this kind of map has done nothing; the plain way names the key of any failure.
        for (key, value) in zip(keys, values) {
            try update(key, value)
        }
    }

    /// Removes `key`, and answers whether it was there.
    @discardableResult
    public func delete<Key: BitwiseCopyable>(_ key: Key) throws(BPFError) -> Bool {
        try require(Key.self)
        let result = withUnsafeBytes(of: key) { bpf_map_delete_elem(descriptor, $0.baseAddress) }
        if result == -ENOENT { return false }
        try BPFError.check(result, "delete", subject(key))
        return true
    }

    /// All keys, in the kernel's order; keys that come or go meanwhile may or may not be among them.
    public func keys<Key: BitwiseCopyable>(as key: Key.Type) throws(BPFError) -> [Key] {
        try require(Key.self)
        var found: [Key] = []
        var current = [UInt8](repeating: 0, count: keySize)
        var next = current
        var result = bpf_map_get_next_key(descriptor, nil, &next)
        // Deleting a key while one walks sends the walk back to the start: the bound ends it.
        while result == 0 && found.count < maxEntries {
            found.append(next.withUnsafeBytes { $0.loadUnaligned(as: Key.self) })
            swap(&current, &next)
            result = bpf_map_get_next_key(descriptor, current, &next)
        }
        if result < 0 && result != -ENOENT { throw BPFError("list keys of", "map \(name)", code: result) }
        return found
    }

    /// The number of CPUs that per-CPU maps have values for.
    public static func possibleCPUs() throws(BPFError) -> Int {
        LibbpfMessages.silence()
        return Int(try BPFError.check(libbpf_num_possible_cpus(), "count", "CPUs"))
    }

    private func lookup<Key: BitwiseCopyable>(_ key: Key, bytes count: Int) throws(BPFError) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: count)
        let result = withUnsafeBytes(of: key) { bpf_map_lookup_elem(descriptor, $0.baseAddress, &bytes) }
        if result == -ENOENT { return nil }
        try BPFError.check(result, "look up", subject(key))
        return bytes
    }
}

// MARK: - Sizes and words

extension Map {
    /// The kernel gives array elements and per-CPU values a multiple of 8 bytes.
    static func roundedUp(_ size: Int) -> Int {
        (size + 7) & ~7
    }

    private func require<Key>(_ key: Key.Type) throws(BPFError) {
        guard MemoryLayout<Key>.size == keySize else {
            throw BPFError(
                operation: "use", subject: "map \(name)",
                cause: "\(Key.self) has \(MemoryLayout<Key>.size) bytes, its keys have \(keySize)")
        }
    }

    /// The kernel reads and writes as many bytes as the map says, whatever is handed to it.
    private func require<Key, Value>(_ key: Key.Type, _ value: Value.Type, perCPU: Bool) throws(BPFError) {
        try require(key)
        guard type.isPerCPU == perCPU else {
            let cause = perCPU ? "it has one value for all CPUs" : "it has a value for each CPU"
            throw BPFError(operation: "use", subject: "map \(name)", cause: cause)
        }
        guard MemoryLayout<Value>.size == valueSize else {
            throw BPFError(
                operation: "use", subject: "map \(name)",
                cause: "\(Value.self) has \(MemoryLayout<Value>.size) bytes, its values have \(valueSize)")
        }
    }

    /// `vips[7]`, or the key's bytes where it has no words of its own.
    private func subject<Key: BitwiseCopyable>(_ key: Key) -> String {
        if key is any FixedWidthInteger || key is any CustomStringConvertible { return "\(name)[\(key)]" }
        let digits = withUnsafeBytes(of: key) { $0.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) } }
        return "\(name)[\(digits.joined())]"
    }

    private func cause(ofUpdate code: Int32) -> String? {
        switch code {
        case E2BIG where type.isArray: "beyond its \(maxEntries) entries"
        case E2BIG, ENOSPC: "map full"
        default: nil
        }
    }
}
