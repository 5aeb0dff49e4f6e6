// SPDX-License-Identifier: Apache-2.0

import Diagnosis
import EventLoop
import Glibc
import Model

/// Whether backends answer a plain connect to their own addresses: it tells one that does not decapsulate from a dead
/// one.
enum OwnAnswers {
    struct Target: Hashable {
        let address: IPAddress
        let port: UInt16
    }

    private static let patience = Duration.seconds(1)
    /// At once; who has more than this down has another trouble.
    private static let most = 64

    static func of(_ targets: [Target]) -> [Target: Facts.Service.OwnAnswer] {
        var answers: [Target: Facts.Service.OwnAnswer] = [:]
        var waiting: [(target: Target, descriptor: Int32)] = []
        defer { for one in waiting { close(one.descriptor) } }
        for target in Set(targets).prefix(most) {
            do throws(EventLoopError) {
                let address = SocketAddress(high: target.address.high, low: target.address.low, port: target.port)
                let socket = try Descriptor.stream(for: address)
                try socket.resetOnClose()
                if try socket.connect(to: address) == .connected {
                    answers[target] = .answers
                } else {
                    waiting.append((target, socket.release()))
                }
            } catch {
                answers[target] = .fails(text(of: error.errno))
            }
        }
        gather(waiting, into: &answers)
        return answers
    }

    private static func gather(
        _ waiting: [(target: Target, descriptor: Int32)], into answers: inout [Target: Facts.Service.OwnAnswer]
    ) {
        let deadline = ContinuousClock.now + patience
        var left = waiting
        while !left.isEmpty {
            var polled = left.map { pollfd(fd: $0.descriptor, events: Int16(POLLOUT), revents: 0) }
            let time = max(.zero, deadline - .now).components
            let milliseconds = Int32(time.seconds * 1000 + time.attoseconds / 1_000_000_000_000_000)
            guard poll(&polled, nfds_t(polled.count), milliseconds) > 0 else { break }
            for (one, result) in zip(left, polled) where result.revents != 0 {
                var code: Int32 = 0
                var length = socklen_t(MemoryLayout<Int32>.size)
                if getsockopt(one.descriptor, SOL_SOCKET, SO_ERROR, &code, &length) != 0 { code = errno }
                answers[one.target] = code == 0 ? .answers : .fails(text(of: code))
            }
            left = left.filter { answers[$0.target] == nil }
        }
        for one in left { answers[one.target] = .fails("no connection within 1 s") }
    }

    private static func text(of code: Int32) -> String {
        strerror(code).map { String(cString: $0).lowercased() } ?? "error \(code)"
    }
}
