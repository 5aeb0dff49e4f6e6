// SPDX-License-Identifier: Apache-2.0

import Glibc

/// HPACK's decoder (RFC 7541): field blocks in, lines of a section out.
///
/// A block costs time by its own length alone: a section that has outgrown its limits is only counted, while the table
/// goes on as the peer's does, so an oversized head costs its stream and not the connection.
struct HeaderDecoder: ~Copyable {
    private let tables = Tables.shared
    private var table: DynamicTable
    /// The largest table that the peer may choose: what we announced and it acknowledged.
    private var allowed: Int
    /// Whether the next block has to begin with a size update (RFC 7541, 4.2).
    private var mustShrink = false

    /// - Parameter tableSize: SETTINGS_HEADER_TABLE_SIZE that the peer may use; 4096 until it acknowledged another.
    init(tableSize: Int = 4096) {
        allowed = min(tableSize, DynamicTable.largest)
        table = DynamicTable(maximum: allowed)
    }

    /// The peer acknowledged this SETTINGS_HEADER_TABLE_SIZE.
    mutating func allow(tableSize: Int) {
        allowed = min(tableSize, DynamicTable.largest)
        mustShrink = table.maximum > allowed
    }

    var tableSize: Int { table.size }
    var tableCount: Int { table.count }

    /// Decodes a whole block: that of a HEADERS or PUSH_PROMISE frame and its CONTINUATION frames.
    ///
    /// Appends to the section. After an error neither decoder nor section can be used.
    mutating func decode(_ block: Span<UInt8>, into section: inout FieldSection) throws(HPACKError) {
        var at = 0
        try sizeUpdates(block, &at)
        while at < block.count {
            let octet = block[at]
            if octet & 0x80 != 0 {
                try indexed(block, &at, &section)
            } else if octet & 0xc0 == 0x40 {
                try literal(block, &at, bits: 6, .indexed, &section)
            } else if octet & 0xe0 == 0x20 {
                // RFC 7541, 4.2: at the beginning of a block only.
                throw .badSizeUpdate
            } else {
                try literal(block, &at, bits: 4, octet & 0x10 != 0 ? .neverIndexed : .plain, &section)
            }
        }
    }

    private mutating func sizeUpdates(_ block: Span<UInt8>, _ at: inout Int) throws(HPACKError) {
        while at < block.count && block[at] & 0xe0 == 0x20 {
            let size = try PrefixedInteger.read(block, &at, bits: 5)
            guard size <= allowed else { throw .badSizeUpdate }
            table.setMaximum(size)
            mustShrink = false
        }
        guard !mustShrink else { throw .badSizeUpdate }
    }

    @inline(__always)
    private mutating func indexed(
        _ block: Span<UInt8>, _ at: inout Int, _ section: inout FieldSection
    ) throws(HPACKError) {
        let index = try PrefixedInteger.read(block, &at, bits: 7)
        guard index > 0 else { throw .badIndex }
        if index <= StaticTable.count {
            let entry = tables.fixed[index]
            section.append(entry.line, text: entry.text)
            return
        }
        let entry = try entry(index)
        let line = FieldLine(
            start: 0, nameCount: UInt32(entry.nameCount), valueCount: UInt32(entry.valueCount), hash: entry.hash,
            name: entry.name, form: .indexed, faults: entry.faults)
        section.append(line, text: table.text(entry))
    }

    @inline(__always)
    private func entry(_ index: Int) throws(HPACKError) -> DynamicTable.Entry {
        let age = index &- StaticTable.count &- 1
        guard age < table.count else { throw .badIndex }
        return table.entry(age: age)
    }

    @inline(__always)
    private mutating func literal(
        _ block: Span<UInt8>, _ at: inout Int, bits: Int, _ form: FieldLine.Form, _ section: inout FieldSection
    ) throws(HPACKError) {
        let index = try PrefixedInteger.read(block, &at, bits: bits)
        let begin = at
        if try read(block, &at, nameAt: index, form, &section) { return }
        // Larger than the room that is left, so larger than the limit: once more, with all of it as scratch.
        at = begin
        section.exceed(.bytes)
        if try read(block, &at, nameAt: index, form, &section) { return }
        // Larger than any entry: it would empty the table (RFC 7541, 4.4).
        at = begin
        if index == 0 { try skipString(block, &at) }
        try skipString(block, &at)
        if form == .indexed { table.removeAll() }
    }

    /// Reads a literal's strings to the section's tail and makes a line of them; false: they do not fit there.
    private mutating func read(
        _ block: Span<UInt8>, _ at: inout Int, nameAt index: Int, _ form: FieldLine.Form,
        _ section: inout FieldSection
    ) throws(HPACKError) -> Bool {
        let tail = section.tail
        guard let start = tail.baseAddress else { return false }
        var line = FieldLine(
            start: 0, nameCount: 0, valueCount: 0, hash: 0, name: .other, form: form, faults: [])
        if index > 0 {
            guard try copyName(index, to: tail, &line) else { return false }
        } else {
            let count = try string(block, &at, into: start, room: tail.count)
            guard count >= 0 else { return false }
            line.nameCount = UInt32(truncatingIfNeeded: count)
            line.name = tables.names.name(start, count, hash: FieldHash.hash(start, count))
            if line.name == .other && !FieldRules.isName(start, count) { line.faults.insert(.name) }
        }
        let nameCount = Int(line.nameCount)
        let value = start + nameCount
        let count = try string(block, &at, into: value, room: tail.count &- nameCount)
        guard count >= 0 else { return false }
        line.valueCount = UInt32(truncatingIfNeeded: count)
        if !FieldRules.isValue(value, count) { line.faults.insert(.value) }
        if form == .indexed {
            let name = line.name == .other ? FieldHash.hash(start, nameCount) : tables.names.hash(of: line.name)
            line.hash = FieldHash.line(name, FieldHash.hash(value, count))
            _ = table.insert(line, text: start)
        }
        section.commit(line)
        return true
    }

    /// Copies a table entry's name; false: there is no room.
    @inline(__always)
    private func copyName(
        _ index: Int, to tail: UnsafeMutableBufferPointer<UInt8>, _ line: inout FieldLine
    ) throws(HPACKError) -> Bool {
        let text: UnsafePointer<UInt8>
        if index <= StaticTable.count {
            let entry = tables.fixed[index]
            line.nameCount = entry.line.nameCount
            line.name = entry.line.name
            text = entry.text
        } else {
            let entry = try entry(index)
            line.nameCount = UInt32(entry.nameCount)
            line.name = entry.name
            line.faults = entry.faults.intersection(.name)
            text = table.text(entry)
        }
        guard Int(line.nameCount) <= tail.count, let start = tail.baseAddress else { return false }
        memcpy(start, text, Int(line.nameCount))
        return true
    }

    /// Reads a string (RFC 7541, 5.2); answers its length, or less than 0 if there is no room for it.
    @inline(__always)
    private func string(
        _ block: Span<UInt8>, _ at: inout Int, into out: UnsafeMutablePointer<UInt8>, room: Int
    ) throws(HPACKError) -> Int {
        let isCoded = at < block.count && block[at] & 0x80 != 0
        let count = try PrefixedInteger.read(block, &at, bits: 7)
        guard count <= block.count &- at else { throw .truncated }
        let start = at
        at &+= count
        if isCoded {
            let written = tables.huffman.decode(block, start, count, into: out, room: room)
            guard written != HuffmanTable.malformed else { throw .badHuffman }
            return written
        }
        guard count <= room else { return HuffmanTable.noRoom }
        // Within the block: start + count <= block.count, as was seen above.
        block.withUnsafeBufferPointer { bytes in
            if let base = bytes.baseAddress { memcpy(out, base + start, count) }
        }
        return count
    }

    private func skipString(_ block: Span<UInt8>, _ at: inout Int) throws(HPACKError) {
        let count = try PrefixedInteger.read(block, &at, bits: 7)
        guard count <= block.count &- at else { throw .truncated }
        at &+= count
    }
}
