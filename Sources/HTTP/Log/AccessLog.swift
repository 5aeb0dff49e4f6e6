// SPDX-License-Identifier: Apache-2.0

import EventLoop
import Glibc
import Synchronization

/// The access log of one listener: a line a request, gathered in memory, and written by a thread of its own, so that a
/// slow disk stops no request. Where both buffers are full lines are lost, and counted.
///
/// For the thread of the proxy's loop.
public final class AccessLog: @unchecked Sendable {
    // Unchecked: the loop's thread alone touches it.

    /// A request's head, taken up again for its line.
    var section = FieldSection()
    private var calendar = Calendar()
    private let listener: LogText
    private let writing: LogWriting
    private let writer: EventLoop
    private var file: LogFile
    /// Which of the two buffers is filled.
    private var turn = 0
    private var line: ByteWriter
    /// For which there was no room.
    private var dropped: UInt64 = 0

    static let bytes = 256 << 10
    /// Of a value that a client has chosen; more of it is left out.
    static let valueMost = 2_048
    /// Of a line: four such values, each of whose octets may take six, and what we write ourselves.
    static let lineMost = 6 * 4 * valueMost + 2_048 + 4 * LogText.most

    /// - Parameter writer: the loop whose thread writes, of any number of logs.
    public init(of listener: String, to file: consuming Descriptor, writer: EventLoop) {
        self.listener = LogText(listener)
        self.writer = writer
        self.file = LogFile(file)
        writing = LogWriting()
        line = ByteWriter(writing.buffers[0], capacity: Self.bytes)
    }

    deinit { listener.release() }

    /// Goes on in another file.
    public func replace(_ file: consuming Descriptor) { self.file = LogFile(file) }

    /// Lines that went nowhere: there was no room, or the file took no more.
    public var lost: UInt64 { dropped &+ writing.lost.load(ordering: .relaxed) }

    /// All is written.
    public var isIdle: Bool { line.count == 0 && !writing.isBusy.load(ordering: .acquiring) }

    /// Hands on what is gathered, where the last of it is written.
    public func flush() {
        guard line.count > 0, !writing.isBusy.load(ordering: .acquiring) else { return }
        writing.isBusy.store(true, ordering: .releasing)
        writer.execute { [writing, file, turn, count = line.count] in writing.write(turn, count, to: file) }
        turn = 1 - turn
        line = ByteWriter(writing.buffers[turn], capacity: Self.bytes)
    }

    /// A line of one request that is over; its head lies in the section, where there is one.
    func write(_ entry: LogEntry) {
        if line.room < Self.lineMost { flush() }
        guard line.room >= Self.lineMost else {
            dropped &+= 1
            return
        }
        line.append(#"{"time":""#)
        calendar.write(to: &line)
        line.append(#"","client":""#)
        line.append(address: entry.client)
        line.append(#"","listener":"#)
        listener.write(to: &line)
        entry.write(section, to: &line)
        line.append("}\n")
    }
}

/// A file that a log goes to, until the last write into it is over.
private final class LogFile: Sendable {
    let descriptor: Descriptor

    init(_ descriptor: consuming Descriptor) { self.descriptor = descriptor }
}

/// What the loop and the writing thread share.
private final class LogWriting: @unchecked Sendable {
    // Unchecked: while it is busy the writing thread has one of the buffers, and the loop's the other.
    let buffers = [0, 1].map { _ in UnsafeMutablePointer<UInt8>.allocate(capacity: AccessLog.bytes) }
    let isBusy = Atomic(false)
    let lost = Atomic<UInt64>(0)

    deinit { for buffer in buffers { buffer.deallocate() } }

    /// On the writing thread: `count` octets of a buffer, which are whole lines.
    func write(_ turn: Int, _ count: Int, to file: LogFile) {
        var at = 0
        while at < count {
            let rest = UnsafeBufferPointer(start: buffers[turn] + at, count: count - at)
            let answer = Glibc.write(file.descriptor.rawValue, rest.baseAddress, rest.count)
            if answer > 0 {
                at += answer
            } else if errno != EINTR {
                // Full, or gone: what is left of these lines is lost, and the next are tried again.
                lost.add(UInt64(rest.count { $0 == UInt8(ascii: "\n") }), ordering: .relaxed)
                break
            }
        }
        isBusy.store(false, ordering: .releasing)
    }
}
