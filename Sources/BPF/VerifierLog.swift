// SPDX-License-Identifier: Apache-2.0

/// The decisive part of the verifier's log: what it complains of, and where.
struct VerifierLog {
    /// Its last words, `R3 invalid mem access 'scalar'`; nil if it said nothing.
    let complaint: String?
    /// The source line, the instruction and the complaint; at most `limit` lines.
    let lines: [String]

    static let limit = 8
    private static let longest = 200

    /// - Parameter text: a log of level 1, which keeps only the path that failed.
    init(_ text: String) {
        let log = text.split(separator: "\n").map { String($0.prefix(Self.longest)) }
        let end = log.lastIndex { $0.hasPrefix("processed ") } ?? log.endIndex
        let told = log[..<end].filter { !Self.isStatistic($0) }
        complaint = told.last
        guard let instruction = told.lastIndex(where: Self.isInstruction) else {
            lines = told.suffix(Self.limit)
            return
        }
        let source = told[..<instruction].last { $0.hasPrefix(";") }
        let tail = told[instruction...].suffix(Self.limit - 1)
        lines = (source.map { [$0] } ?? []) + tail
    }

    /// `12: (61) r0 = *(u32 *)(r3 +0)`.
    private static func isInstruction(_ line: String) -> Bool {
        let digits = line.prefix(while: \.isNumber)
        return !digits.isEmpty && line.dropFirst(digits.count).hasPrefix(": (")
    }

    private static func isStatistic(_ line: String) -> Bool {
        line.hasPrefix("verification time") || line.hasPrefix("stack depth")
    }
}
