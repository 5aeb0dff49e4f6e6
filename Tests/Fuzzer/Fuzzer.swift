// SPDX-License-Identifier: Apache-2.0

import Glibc

// What libFuzzer calls: compiled by tools/fuzz alone, beside the parsers' entries of the tests.

/// The parser that `SLUICE_FUZZ_PARSER` names.
private let fault: @Sendable ([UInt8]) -> String? = {
    let name = getenv("SLUICE_FUZZ_PARSER").map { String(cString: $0) } ?? ""
    if let entry = FuzzEntry(rawValue: name) { return { entry.fault($0) } }
    if let entry = SniffFuzzEntry(rawValue: name) { return { entry.fault($0) } }
    let names = FuzzEntry.allCases.map(\.rawValue) + SniffFuzzEntry.allCases.map(\.rawValue)
    print(names.joined(separator: "\n"))
    exit(name.isEmpty ? 0 : 2)
}()

@_cdecl("LLVMFuzzerInitialize")
public func begin(_: UnsafeMutablePointer<Int32>?, _: UnsafeMutableRawPointer?) -> Int32 {
    // Here, so that a wrong name ends before the first input.
    _ = fault
    return 0
}

@_cdecl("LLVMFuzzerTestOneInput")
public func test(_ octets: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
    let input = Array(UnsafeBufferPointer(start: octets, count: count))
    guard let fault = fault(input) else { return 0 }
    // libFuzzer keeps the input of what dies.
    print("broken promise: \(fault)")
    fflush(nil)
    abort()
}
