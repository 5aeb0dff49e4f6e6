// SPDX-License-Identifier: Apache-2.0

import Glibc

/// HPACK's static table (RFC 7541, appendix A).
struct StaticTable {
    struct Entry: BitwiseCopyable {
        /// The line as a section takes it.
        var line: FieldLine
        /// The name and, behind it, the value.
        var text: UnsafePointer<UInt8>
    }

    static let count = 61
    /// The values that are not empty, by index.
    private static let values: [(Int, StaticString)] = [
        (2, "GET"), (3, "POST"), (4, "/"), (5, "/index.html"), (6, "http"), (7, "https"), (8, "200"), (9, "204"),
        (10, "206"), (11, "304"), (12, "400"), (13, "404"), (14, "500"), (16, "gzip, deflate"),
    ]

    /// 62 of them; the first stands for the index 0, which is none.
    private let entries: UnsafeMutablePointer<Entry>

    /// Allocates what is never given back: there is one, `Tables.shared`.
    init(names: FieldNameTable) {
        entries = .allocate(capacity: Self.count + 1)
        let texts = UnsafeMutablePointer<UInt8>.allocate(capacity: 2048)
        var end = 0
        for index in 0...Self.count {
            let name = Self.name(at: index)
            let value = Self.values.first { $0.0 == index }?.1 ?? ""
            let nameText = names.text(of: name)
            precondition(end + nameText.count + value.utf8CodeUnitCount <= 2048)
            if let start = nameText.baseAddress { memcpy(texts + end, start, nameText.count) }
            memcpy(texts + end + nameText.count, value.utf8Start, value.utf8CodeUnitCount)
            let valueHash = FieldHash.hash(value.utf8Start, value.utf8CodeUnitCount)
            let line = FieldLine(
                start: 0, nameCount: UInt32(nameText.count), valueCount: UInt32(value.utf8CodeUnitCount),
                hash: FieldHash.line(names.hash(of: name), valueHash), name: name, form: .indexed, faults: [])
            entries[index] = Entry(line: line, text: UnsafePointer(texts + end))
            end += nameText.count + value.utf8CodeUnitCount
        }
    }

    /// - Parameter index: 1 to 61.
    @inline(__always)
    subscript(index: Int) -> Entry {
        precondition(index >= 0 && index <= Self.count)
        return entries[index]
    }

    /// The index of this very line; 0: there is none.
    @inline(__always)
    func index(of name: FieldName, value: UnsafeBufferPointer<UInt8>) -> Int {
        var index = name.staticIndex
        guard index > 0 else { return 0 }
        while index <= Self.count && entries[index].line.name == name {
            let entry = entries[index]
            if Int(entry.line.valueCount) == value.count {
                guard let start = value.baseAddress, value.count > 0 else { return index }
                if memcmp(entry.text + Int(entry.line.nameCount), start, value.count) == 0 { return index }
            }
            index &+= 1
        }
        return 0
    }

    private static func name(at index: Int) -> FieldName {
        switch index {
        case 0: .other
        case 1: .authority
        case 2, 3: .method
        case 4, 5: .path
        case 6, 7: .scheme
        case 8...14: .status
        // From accept-charset, 15, on the names are in the order of the cases.
        default: FieldName(rawValue: UInt8(index - 9)) ?? .other
        }
    }
}
