// SPDX-License-Identifier: Apache-2.0

/// What all codecs read and nobody writes: known names, HPACK's static table, Huffman's code.
///
/// Memory outside of Swift's arrays: a codec keeps the addresses, and reading costs no check for initialisation, no
/// reference count and no copy.
struct Tables: @unchecked Sendable {  // filled before `shared` is seen, and never changed or freed after
    let names: FieldNameTable
    let fixed: StaticTable
    let huffman: HuffmanTable

    static let shared = Tables()

    private init() {
        names = FieldNameTable()
        fixed = StaticTable(names: names)
        huffman = HuffmanTable()
    }
}
