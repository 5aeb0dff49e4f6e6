// SPDX-License-Identifier: Apache-2.0

/// Where something is written: line and column count from 1, columns in Unicode scalars.
public struct Place: Hashable, Sendable {
    public var line: Int
    public var column: Int

    public init(line: Int, column: Int) {
        self.line = line
        self.column = column
    }

    /// Stands for the file as a whole.
    public static let wholeFile = Place(line: 0, column: 0)
}

extension Place: Comparable {
    public static func < (one: Place, other: Place) -> Bool {
        (one.line, one.column) < (other.line, other.column)
    }
}

/// One thing that is wrong with a document: `services.yaml:14:7: unknown key 'wieght' in a backend; ...`.
public struct Problem: Error, Hashable, Sendable, CustomStringConvertible {
    /// The path as it was given.
    public var file: String
    /// 0 where the file as a whole is meant.
    public var line: Int
    public var column: Int
    public var message: String

    public init(file: String, line: Int = 0, column: Int = 0, message: String) {
        self.file = file
        self.line = line
        self.column = column
        self.message = message
    }

    init(file: String, place: Place, message: String) {
        self.init(file: file, line: place.line, column: place.column, message: message)
    }

    public var description: String { located(message, file: file, line: line, column: column) }
}

/// All that is wrong with a document, in the order of its lines; never empty.
public struct Problems: Error, Hashable, Sendable, CustomStringConvertible {
    public var list: [Problem]

    public init(_ list: [Problem]) { self.list = list }

    /// A line a problem.
    public var description: String { list.map(\.description).joined(separator: "\n") }
}

/// Something that is allowed and yet probably not meant.
public struct Warning: Hashable, Sendable, CustomStringConvertible {
    public var file: String
    public var line: Int
    public var column: Int
    public var message: String

    public init(file: String, line: Int, column: Int, message: String) {
        self.file = file
        self.line = line
        self.column = column
        self.message = message
    }

    public var description: String { located("warning: " + message, file: file, line: line, column: column) }
}

private func located(_ message: String, file: String, line: Int, column: Int) -> String {
    line == 0 ? "\(file): \(message)" : "\(file):\(line):\(column): \(message)"
}
