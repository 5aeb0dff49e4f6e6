// SPDX-License-Identifier: Apache-2.0

import Glibc

/// How much a head or trailers may hold.
struct FieldLimits: Sendable, Equatable {
    /// Bytes of names and values, and 32 a line (RFC 9113, 6.5.2): what SETTINGS_MAX_HEADER_LIST_SIZE announces.
    var bytes = 65_536
    var lines = 100
}

/// The field lines of one head or of trailers: the bytes of all lines in one piece of memory, and a record a line.
///
/// Both protocols' decoders fill it and both encoders read it, in HTTP/2's form: pseudo-header fields first, names in
/// lower case. It is made once a thread and used again: nothing is allocated a request. A section that outgrows its
/// limits forgets its lines and says so; what is decoded after that is only counted.
struct FieldSection: ~Copyable {
    enum Excess: Sendable, Equatable { case none, bytes, lines }

    let limits: FieldLimits
    /// Of `bytes`: no less than the largest entry of a dynamic table, which is read here before it goes there.
    private let capacity: Int
    private let bytes: UnsafeMutablePointer<UInt8>
    private let records: UnsafeMutablePointer<FieldLine>
    private(set) var count = 0
    /// Bytes in use; `used <= size <= limits.bytes` while nothing is in excess.
    private(set) var used = 0
    /// By the measure of `FieldLimits.bytes`.
    private(set) var size = 0
    private(set) var excess = Excess.none
    /// What is wrong with any of the lines.
    private(set) var faults: FieldLine.Faults = []

    init(limits: FieldLimits = FieldLimits()) {
        self.limits = limits
        capacity = max(limits.bytes, DynamicTable.largest)
        bytes = .allocate(capacity: capacity)
        records = .allocate(capacity: limits.lines)
    }

    deinit {
        bytes.deallocate()
        records.deallocate()
    }

    mutating func clear() {
        count = 0
        used = 0
        size = 0
        excess = .none
        faults = []
    }

    @inline(__always)
    subscript(index: Int) -> FieldLine {
        get {
            precondition(index >= 0 && index < count)
            return records[index]
        }
        set {
            precondition(index >= 0 && index < count)
            records[index] = newValue
        }
    }

    /// Name and value in one; valid until the section changes.
    @inline(__always)
    func text(_ line: FieldLine) -> UnsafeBufferPointer<UInt8> {
        slice(line.start, Int(line.nameCount) &+ Int(line.valueCount))
    }

    /// Valid until the section changes.
    @inline(__always)
    func name(_ line: FieldLine) -> UnsafeBufferPointer<UInt8> { slice(line.start, Int(line.nameCount)) }

    /// Valid until the section changes.
    @inline(__always)
    func value(_ line: FieldLine) -> UnsafeBufferPointer<UInt8> {
        slice(line.start &+ line.nameCount, Int(line.valueCount))
    }

    /// The first line of the name that is not removed.
    func first(_ name: FieldName) -> Int? {
        for index in 0..<count where records[index].name == name && !records[index].isRemoved { return index }
        return nil
    }

    mutating func remove(at index: Int) {
        precondition(index >= 0 && index < count)
        records[index].isRemoved = true
    }

    // MARK: Keeping

    /// All records and all bytes, as they lie; valid until the section changes.
    var contents: (lines: UnsafeRawPointer, bytes: UnsafeRawPointer) {
        (UnsafeRawPointer(records), UnsafeRawPointer(bytes))
    }

    /// Takes what `contents` of a section with the same limits showed.
    mutating func refill(
        lines: UnsafeRawPointer, _ lineCount: Int, bytes source: UnsafeRawPointer, _ byteCount: Int, size: Int
    ) {
        precondition(lineCount <= limits.lines && byteCount <= capacity)
        clear()
        memcpy(records, lines, lineCount &* MemoryLayout<FieldLine>.stride)
        memcpy(bytes, source, byteCount)
        count = lineCount
        used = byteCount
        self.size = size
    }

    // MARK: Filling

    /// Where the next line's bytes go, and how many may. In excess it is the whole memory, as scratch.
    @inline(__always)
    var tail: UnsafeMutableBufferPointer<UInt8> {
        UnsafeMutableBufferPointer(start: bytes + used, count: capacity &- used)
    }

    /// Makes a line of what lies in `tail`; false: a limit is reached, and the section holds nothing from now on.
    @inline(__always)
    @discardableResult
    mutating func commit(_ line: FieldLine) -> Bool {
        guard admit(line) else { return false }
        var line = line
        line.start = UInt32(truncatingIfNeeded: used)
        records[count] = line
        count &+= 1
        used &+= Int(line.nameCount) &+ Int(line.valueCount)
        faults.formUnion(line.faults)
        return true
    }

    /// Appends a line whose name and value lie one after the other at `text`, outside of the section.
    @inline(__always)
    @discardableResult
    mutating func append(_ line: FieldLine, text: UnsafePointer<UInt8>) -> Bool {
        guard admit(line) else { return false }
        var line = line
        line.start = UInt32(truncatingIfNeeded: used)
        let number = Int(line.nameCount) &+ Int(line.valueCount)
        // Within the memory: admit() saw that used + number + 32 a line <= limits.bytes.
        memcpy(bytes + used, text, number)
        records[count] = line
        count &+= 1
        used &+= number
        faults.formUnion(line.faults)
        return true
    }

    /// A line that is left out until it is filled: what comes first and is known last.
    mutating func reserveLine() -> Bool {
        guard excess == .none && count < limits.lines else {
            exceed(.lines)
            return false
        }
        var line = FieldLine(
            start: UInt32(truncatingIfNeeded: used), nameCount: 0, valueCount: 0, hash: 0, name: .other, form: .indexed,
            faults: [])
        line.isRemoved = true
        records[count] = line
        count &+= 1
        return true
    }

    /// Makes what lies in `tail` the line at `index`, in the place of the one there.
    mutating func fill(_ index: Int, _ line: FieldLine) -> Bool {
        precondition(index >= 0 && index < count)
        guard commit(line) else { return false }
        count &-= 1
        records[index] = records[count]
        return true
    }

    mutating func fill(_ index: Int, _ name: FieldName, _ value: UnsafeBufferPointer<UInt8>) -> Bool {
        precondition(index >= 0 && index < count)
        guard append(name, value) else { return false }
        count &-= 1
        records[index] = records[count]
        return true
    }

    /// Appends a line of our own making.
    @discardableResult
    mutating func append(
        _ name: FieldName, _ value: UnsafeBufferPointer<UInt8>, form: FieldLine.Form = .indexed
    ) -> Bool {
        let text = FieldName.texts[Int(name.rawValue)]
        guard fits(text.utf8CodeUnitCount &+ value.count) else {
            exceed(.bytes)
            return false
        }
        memcpy(bytes + used, text.utf8Start, text.utf8CodeUnitCount)
        if let start = value.baseAddress { memcpy(bytes + used + text.utf8CodeUnitCount, start, value.count) }
        return commit(
            FieldLine(
                start: 0, nameCount: UInt32(text.utf8CodeUnitCount), valueCount: UInt32(value.count), hash: 0,
                name: name, form: form, faults: []))
    }

    @discardableResult
    mutating func append(_ name: FieldName, _ value: StaticString, form: FieldLine.Form = .indexed) -> Bool {
        append(name, UnsafeBufferPointer(start: value.utf8Start, count: value.utf8CodeUnitCount), form: form)
    }

    /// From now on only counts. What was there is forgotten: its room serves as scratch.
    mutating func exceed(_ which: Excess) {
        if excess == .none { excess = which }
        count = 0
        used = 0
    }

    @inline(__always)
    private func fits(_ number: Int) -> Bool { excess == .none && number <= capacity &- used }

    @inline(__always)
    private mutating func admit(_ line: FieldLine) -> Bool {
        // Saturates far beyond any limit: a block of a few kilobytes can name gigabytes.
        size = min(size &+ line.size, Int(UInt32.max))
        guard excess == .none else { return false }
        guard size <= limits.bytes else {
            exceed(.bytes)
            return false
        }
        guard count < limits.lines else {
            exceed(.lines)
            return false
        }
        return true
    }

    @inline(__always)
    private func slice(_ start: UInt32, _ number: Int) -> UnsafeBufferPointer<UInt8> {
        precondition(Int(start) &+ number <= capacity)
        return UnsafeBufferPointer(start: bytes + Int(start), count: number)
    }
}
