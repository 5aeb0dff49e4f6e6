// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Finds the known names by their bytes: an open-addressed table of 256 places, made once.
struct FieldNameTable {
    struct Entry: BitwiseCopyable {
        var text: UnsafePointer<UInt8>
        var count: Int
        var hash: UInt32
    }

    private let entries: UnsafeMutablePointer<Entry>
    private let places: UnsafeMutablePointer<UInt8>

    /// Allocates what is never given back: there is one, `Tables.shared`.
    init() {
        let texts = FieldName.texts
        precondition(texts.count == FieldName.allCases.count && texts.count < 128)
        entries = .allocate(capacity: texts.count)
        places = .allocate(capacity: 256)
        places.initialize(repeating: 0, count: 256)
        for (index, text) in texts.enumerated() {
            let hash = FieldHash.hash(text.utf8Start, text.utf8CodeUnitCount)
            entries[index] = Entry(text: text.utf8Start, count: text.utf8CodeUnitCount, hash: hash)
            guard index > 0 else { continue }
            var place = Int(hash & 255)
            while places[place] != 0 { place = (place + 1) & 255 }
            places[place] = UInt8(index)
        }
    }

    /// - Parameter hash: of these bytes.
    @inline(__always)
    func name(_ bytes: UnsafePointer<UInt8>, _ count: Int, hash: UInt32) -> FieldName {
        var place = Int(hash & 255)
        // Ends: fewer than half of the places are taken.
        while true {
            let index = places[place]
            if index == 0 { return .other }
            let entry = entries[Int(index)]
            if entry.hash == hash && entry.count == count && memcmp(entry.text, bytes, count) == 0 {
                return FieldName(rawValue: index) ?? .other
            }
            place = (place &+ 1) & 255
        }
    }

    @inline(__always)
    func hash(of name: FieldName) -> UInt32 { entries[Int(name.rawValue)].hash }

    @inline(__always)
    func text(of name: FieldName) -> UnsafeBufferPointer<UInt8> {
        let entry = entries[Int(name.rawValue)]
        return UnsafeBufferPointer(start: entry.text, count: entry.count)
    }
}
