// SPDX-License-Identifier: Apache-2.0

import Glibc
import TestSupport
import Testing

@testable import BPF

extension KernelTests {
    struct MapTests {
        private func hash(entries: Int = 2) throws -> Map {
            try Map.create("sums", type: .hash, keySize: 4, valueSize: 8, maxEntries: entries)
        }

        @Test func `elements come, are listed, change and go`() throws {
            let map = try hash()
            try map.update(UInt32(7), UInt64(70))
            try map.update(UInt32(8), UInt64(80))
            try map.update(UInt32(7), UInt64(71), if: .present)
            #expect(try map.lookup(UInt32(7), as: UInt64.self) == 71)
            #expect(try Set(map.keys(as: UInt32.self)) == [7, 8])
            #expect(try map.delete(UInt32(7)))
            #expect(try !map.delete(UInt32(7)))
            #expect(try map.lookup(UInt32(7), as: UInt64.self) == nil)
        }

        @Test func `a full map says so, with the key`() throws {
            let map = try hash(entries: 1)
            try map.update(UInt32(7), UInt64(70))
            #expect(failure { try map.update(UInt32(8), UInt64(80)) } == "update sums[8]: map full (E2BIG)")
        }

        @Test func `a key beyond an array says so`() throws {
            let map = try Map.create("vips", type: .array, keySize: 4, valueSize: 8, maxEntries: 4)
            let text = failure { try map.update(UInt32(4), UInt64(0)) }
            #expect(text == "update vips[4]: beyond its 4 entries (E2BIG)")
        }

        @Test func `keys and values of another size are refused`() throws {
            let map = try hash()
            #expect(
                failure { try map.update(UInt64(7), UInt64(1)) }
                    == "use map sums: UInt64 has 8 bytes, its keys have 4")
            #expect(
                failure { _ = try map.lookup(UInt32(7), as: UInt16.self) }
                    == "use map sums: UInt16 has 2 bytes, its values have 8")
        }

        @Test func `many elements are set at once, and a failure names one`() throws {
            let map = try hash(entries: 100)
            try map.update((0..<100).map { UInt32($0) }, (0..<100).map { UInt64($0) * 2 })
            #expect(try map.keys(as: UInt32.self).count == 100)
            #expect(try map.lookup(UInt32(99), as: UInt64.self) == 198)
            let text = failure { try map.update([UInt32(1), 200], [UInt64(1), 2]) }
            #expect(text == "update sums[200]: map full (E2BIG)")
        }

        @Test func `the longest prefix wins`() throws {
            struct Key: BitwiseCopyable {
                var bits: UInt32
                var bytes: (UInt8, UInt8, UInt8, UInt8)
            }
            let map = try Map.create(
                "access", type: .longestPrefix, keySize: 8, valueSize: 4, maxEntries: 2, flags: .noPreallocation)
            try map.update(Key(bits: 8, bytes: (10, 0, 0, 0)), UInt32(1))
            try map.update(Key(bits: 16, bytes: (10, 1, 0, 0)), UInt32(2))
            #expect(try map.lookup(Key(bits: 32, bytes: (10, 1, 2, 3)), as: UInt32.self) == 2)
            #expect(try map.lookup(Key(bits: 32, bytes: (10, 2, 2, 3)), as: UInt32.self) == 1)
            let text = failure { try map.update(Key(bits: 8, bytes: (11, 0, 0, 0)), UInt32(1)) }
            #expect(text == "update access[080000000b000000]: map full (ENOSPC)")
        }

        @Test func `a per-CPU map has a value for each CPU`() throws {
            let map = try Map.create("cpus", type: .perCPUArray, keySize: 4, valueSize: 4, maxEntries: 1)
            let values = try map.lookupPerCPU(UInt32(0), as: UInt32.self)
            #expect(try values == [UInt32](repeating: 0, count: Map.possibleCPUs()))
            #expect(
                failure { _ = try map.lookup(UInt32(0), as: UInt32.self) }
                    == "use map cpus: it has a value for each CPU")
        }

        @Test func `a device map takes interfaces`() throws {
            let map = try Map.create("ports", type: .deviceMap, keySize: 4, valueSize: 4, maxEntries: 4)
            try map.update(UInt32(1), UInt32(1))
            #expect(try map.lookup(UInt32(1), as: UInt32.self) == 1)
            let same = map.differences(type: .deviceMap, keySize: 4, valueSize: 4, maxEntries: 4, flags: [])
            #expect(same.isEmpty)
        }

        @Test func `mapped words are the kernel's, in both directions`() throws {
            let map = try Map.create(
                "slots", type: .array, keySize: 4, valueSize: 12, maxEntries: 1000, flags: .mappable)
            typealias Words = (UInt32, UInt32, UInt32)
            struct Element: BitwiseCopyable { var words: Words }
            let array = try map.mapped(as: Element.self)
            #expect(array.count == 1000 && array.stride == 16)
            array.store32(7, element: 999, offset: 8)
            #expect(try map.lookup(UInt32(999), as: Element.self)?.words ?? (0, 0, 0) == (0, 0, 7))
            try map.update(UInt32(3), Element(words: (1, 2, 3)))
            #expect(array[3].words == (1, 2, 3) && array.load32(element: 3, offset: 4) == 2)
            array[4] = Element(words: (4, 5, 6))
            array.store64(0x2_0000_0001, element: 5, offset: 0)
            #expect(try map.lookup(UInt32(4), as: Element.self)?.words ?? (0, 0, 0) == (4, 5, 6))
            #expect(array[5].words == (1, 2, 0) && array.load64(element: 5, offset: 0) == 0x2_0000_0001)
            #expect(array.withPointer { $0.count } == 16000)
        }

        @Test func `only a mappable array is mapped, as values of its size`() throws {
            #expect(failure { _ = try hash().mapped(as: UInt64.self) } == "map map sums: not a mappable array")
            let map = try Map.create("a", type: .array, keySize: 4, valueSize: 8, maxEntries: 1, flags: .mappable)
            let text = failure { _ = try map.mapped(as: UInt32.self) }
            #expect(text == "map map a: UInt32 has 4 bytes, its values have 8")
        }

        @Test func `an opened pin is the same map, and another kind of pin is refused`() throws {
            let pins = try PinDirectory()
            let map = try hash()
            try map.pin(to: pins.path + "/sums")
            #expect(try Map.open(pinned: pins.path + "/sums").id == map.id)
            #expect(try Map.open(id: map.id).name == "sums")
            #expect(try Pin.list(pins.path) == ["sums"])
            let text = failure { _ = try Program.open(pinned: pins.path + "/sums") }
            #expect(text == "open program \(pins.path)/sums: another kind of pin: bpf-map")
            #expect(failure { try map.pin(to: pins.path + "/sums") }.hasSuffix("/sums: file exists (EEXIST)"))
        }

        @Test func `pins are moved, removed and found gone`() throws {
            let pins = try PinDirectory()
            let (old, new) = (try hash(), try hash())
            try old.pin(to: pins.path + "/sums")
            try new.pin(to: pins.path + "/sums_next")
            try Pin.move(pins.path + "/sums_next", to: pins.path + "/sums")
            #expect(try Map.open(pinned: pins.path + "/sums").id == new.id)
            try Pin.makeDirectory(pins.path + "/maps/deep")
            try old.pin(to: pins.path + "/maps/deep/sums")
            #expect(try Pin.remove(pins.path + "/sums"))
            #expect(try !Pin.remove(pins.path + "/sums"))
            try Pin.removeTree(pins.path)
            #expect(try !Pin.exists(pins.path) && Pin.isOnBPFFS("/sys/fs/bpf") && !Pin.isOnBPFFS("/tmp"))
        }

        @Test func `a pin outside bpffs is refused`() throws {
            let directory = try TemporaryDirectory()
            let text = failure { try hash().pin(to: directory.path + "/sums") }
            #expect(text == "pin \(directory.path)/sums: not on a bpffs, or not permitted (EPERM)")
        }

        @Test func `both grace periods end`() throws {
            try GracePeriod.wait()
            try GracePeriod.waitByMap()
        }
    }
}

struct PinNameTests {
    @Test(arguments: [("eth0", "eth0"), ("eth0.100", "eth0%2e100"), ("a%b.c", "a%25b%2ec")])
    func `an interface's name has no dots as a pin`(name: String, escaped: String) {
        #expect(Pin.escaped(name) == escaped)
    }

    @Test(arguments: ["eth0", "eth0.100", "a%b", "%2e", "100%.x%25"])
    func `a pin's name leads back to the interface`(name: String) {
        #expect(Pin.unescaped(Pin.escaped(name)) == name)
    }
}
