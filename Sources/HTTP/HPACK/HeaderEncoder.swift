// SPDX-License-Identifier: Apache-2.0

/// HPACK's encoder (RFC 7541): lines of a section in, a field block out.
///
/// It indexes what the other side indexed. A line that came from a table brings its hash, so it costs a probe and a
/// compare; a name that came in a static entry is known by its token.
struct HeaderEncoder: ~Copyable {
    private let tables = Tables.shared
    private var table: DynamicTable
    private var index = TableIndex()
    /// The largest table that we keep, whatever the peer allows.
    private let largest: Int
    /// The smallest size since the last block, while the peer has to be told (RFC 7541, 4.2).
    private var smallest: Int?

    /// - Parameter largest: bytes of table that we keep for a peer, at most; memory is taken as it is needed.
    init(largest: Int = 4096) {
        self.largest = min(largest, DynamicTable.largest)
        // Until its SETTINGS say otherwise the peer keeps 4096 bytes.
        table = DynamicTable(maximum: min(self.largest, 4096))
        if self.largest < 4096 { smallest = self.largest }
    }

    /// The peer's SETTINGS_HEADER_TABLE_SIZE.
    mutating func allow(tableSize: Int) {
        let size = min(tableSize, largest)
        guard size != table.maximum else { return }
        smallest = min(smallest ?? size, size)
        table.setMaximum(size)
    }

    var tableSize: Int { table.size }
    var tableCount: Int { table.count }

    /// Octets that the section's block takes at most.
    static func bound(_ section: borrowing FieldSection) -> Int {
        section.used &+ section.count &* (2 &* PrefixedInteger.longest &+ 1) &+ 2 &* PrefixedInteger.longest
    }

    /// Appends the block of all lines that are not removed; false, and nothing done, where `bound` does not fit.
    mutating func encode(_ section: borrowing FieldSection, to writer: inout ByteWriter) -> Bool {
        guard writer.room >= Self.bound(section) else { return false }
        sizeUpdates(to: &writer)
        for at in 0..<section.count {
            let line = section[at]
            if line.isRemoved { continue }
            guard let text = section.text(line).baseAddress else { continue }
            encode(line, text, to: &writer)
        }
        return true
    }

    /// RFC 7541, 4.2: the smallest size first, then the one that stays.
    private mutating func sizeUpdates(to writer: inout ByteWriter) {
        guard let least = smallest else { return }
        if least < table.maximum { PrefixedInteger.write(least, bits: 5, pattern: 0x20, to: &writer) }
        PrefixedInteger.write(table.maximum, bits: 5, pattern: 0x20, to: &writer)
        smallest = nil
    }

    @inline(__always)
    private mutating func encode(_ line: FieldLine, _ text: UnsafePointer<UInt8>, to writer: inout ByteWriter) {
        var line = line
        let value = UnsafeBufferPointer(start: text + Int(line.nameCount), count: Int(line.valueCount))
        if line.form == .neverIndexed {
            literal(line, text, value, bits: 4, pattern: 0x10, to: &writer)
            return
        }
        let fixed = Self.mayBeFixed(line.name) ? tables.fixed.index(of: line.name, value: value) : 0
        if fixed > 0 {
            writer.append(0x80 | UInt8(truncatingIfNeeded: fixed))
            return
        }
        // A line of most of the table would throw out all the others.
        guard line.form == .indexed && line.size <= table.maximum &>> 1 else {
            literal(line, text, value, bits: 4, pattern: 0, to: &writer)
            return
        }
        var nameHash: UInt32 = 0
        if line.hash == 0 {
            nameHash = hash(ofName: line, text)
            line.hash = FieldHash.line(nameHash, FieldHash.hash(text + Int(line.nameCount), value.count))
        }
        if let age = index.age(of: line, text: text, in: table) {
            PrefixedInteger.write(StaticTable.count &+ 1 &+ age, bits: 7, pattern: 0x80, to: &writer)
            return
        }
        literal(line, text, value, bits: 6, pattern: 0x40, to: &writer)
        if nameHash == 0 { nameHash = hash(ofName: line, text) }
        if table.insert(line, text: text) { index.noteNewest(in: table, nameHash: nameHash) }
    }

    /// The names whose static entries have values.
    @inline(__always)
    private static func mayBeFixed(_ name: FieldName) -> Bool {
        switch name {
        case .method, .path, .scheme, .status, .acceptEncoding: true
        default: false
        }
    }

    @inline(__always)
    private func hash(ofName line: FieldLine, _ text: UnsafePointer<UInt8>) -> UInt32 {
        line.name == .other ? FieldHash.hash(text, Int(line.nameCount)) : tables.names.hash(of: line.name)
    }

    /// RFC 7541, 6.2: the name by index if there is one.
    @inline(__always)
    private func literal(
        _ line: FieldLine, _ text: UnsafePointer<UInt8>, _ value: UnsafeBufferPointer<UInt8>, bits: Int,
        pattern: UInt8, to writer: inout ByteWriter
    ) {
        var name = line.name.staticIndex
        if name == 0 {
            let count = Int(line.nameCount)
            if let age = index.age(ofName: text, count, hash: hash(ofName: line, text), in: table) {
                name = StaticTable.count &+ 1 &+ age
            }
        }
        PrefixedInteger.write(name, bits: bits, pattern: pattern, to: &writer)
        if name == 0 { string(UnsafeBufferPointer(start: text, count: Int(line.nameCount)), to: &writer) }
        string(value, to: &writer)
    }

    /// Huffman's code where it is shorter.
    @inline(__always)
    private func string(_ bytes: UnsafeBufferPointer<UInt8>, to writer: inout ByteWriter) {
        let coded = tables.huffman.encodedCount(bytes)
        if coded < bytes.count {
            PrefixedInteger.write(coded, bits: 7, pattern: 0x80, to: &writer)
            tables.huffman.encode(bytes, to: &writer)
        } else {
            PrefixedInteger.write(bytes.count, bits: 7, pattern: 0, to: &writer)
            writer.append(bytes)
        }
    }
}
