// SPDX-License-Identifier: Apache-2.0

import CDataplane
import Model

extension HostView {
    /// Without the interfaces whose place another one has: an interface sits at its index modulo `INTERFACES_MAX`.
    ///
    /// - Parameter placed: indices of those that have their place already and keep it; else the first named has it.
    /// - Returns: also a report for each that is left out, which names both.
    func withoutClashes(keeping placed: Set<UInt32>) -> (view: HostView, left: [AttachmentReport]) {
        var holders: [UInt32: NetworkInterface] = [:]
        var left: [AttachmentReport] = []
        for interface in interfaces.filter({ placed.contains($0.index) })
            + interfaces.filter({ !placed.contains($0.index) })
        {
            let place = interface.index & UInt32(INTERFACE_MASK)
            guard let holder = holders[place] else {
                holders[place] = interface
                continue
            }
            left.append(.clash(of: interface, with: holder))
        }
        var view = self
        view.interfaces = interfaces.filter { holders[$0.index & UInt32(INTERFACE_MASK)]?.index == $0.index }
        return (view, left)
    }
}

extension AttachmentReport {
    fileprivate static func clash(of interface: NetworkInterface, with holder: NetworkInterface) -> AttachmentReport {
        AttachmentReport(
            interface: interface.name, change: .failed, mode: nil, reasons: [],
            error: "interface \(interface.name) is left out: its index \(interface.index) and \(holder.name)'s, "
                + "\(holder.index), are equal modulo \(INTERFACES_MAX), and the program has one place for both")
    }
}

extension MapMemory {
    /// Indices of the interfaces that have a place.
    var placedInterfaces: Set<UInt32> {
        withUnsafeBytes(of: control.pointee.interfaces) { bytes in
            Set(bytes.bindMemory(to: CDataplane.interface.self).lazy.map(\.ifindex)).subtracting([0])
        }
    }
}
