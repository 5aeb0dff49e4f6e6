// SPDX-License-Identifier: Apache-2.0

import CDataplane
import Model
import Storage

/// What every host with the same generation must hold alike: VIPs, backend ids, current and previous tables, with
/// nothing down.
public struct FleetPart: Sendable {
    /// The same on every host and architecture: big-endian numbers in a fixed order.
    public private(set) var bytes: [UInt8] = []

    public init(of generation: Generation) throws(ImageError) {
        let image = try MapImage.image(of: generation, on: .nowhere)
        bytes.reserveCapacity(image.services.reduce(4096) { $0 + 4 * $1.current.count })
        append(image.half.seed)
        append(UInt32(image.half.entries.count))
        for entry in image.half.entries { append(entry) }
        for service in image.services { append(service) }
    }

    /// SHA-256, hexadecimal: what hosts compare.
    public var digest: String { Digest.sha256hex(bytes) }

    private mutating func append(_ entry: vip) {
        append(IPAddress(entry.address))
        append(hostOrder(entry.port))
        append(entry.protocol)
        append(entry.flags)
        append(entry.service)
        append(entry.table)
        append(entry.seed)
    }

    private mutating func append(_ service: ServiceImage) {
        append(service.id)
        append(UInt32(service.backends.count))
        for entry in service.backends {
            append(entry.id)
            append(entry.template.forward)
            append(entry.template.flags & UInt8(BACKEND_ACTIVE.rawValue))
            append(IPAddress(entry.template.destination))
        }
        for table in [service.current, service.previous()] {
            table.map { networkOrder($0) }.withUnsafeBytes { bytes.append(contentsOf: $0) }
        }
    }

    private mutating func append(_ address: IPAddress) {
        append(address.high)
        append(address.low)
    }

    private mutating func append<Number: FixedWidthInteger>(_ number: Number) {
        withUnsafeBytes(of: networkOrder(number)) { bytes.append(contentsOf: $0) }
    }
}
