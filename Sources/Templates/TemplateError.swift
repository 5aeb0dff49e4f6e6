// SPDX-License-Identifier: Apache-2.0

/// What is wrong with a template's text: `nginx.mustache:12:7: unknown name 'adress'; did you mean 'address'?`
public struct TemplateError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The file or the key it lies in.
    public let place: String
    /// From 1; 0 where the whole is meant.
    public let line: Int
    /// From 1, in characters.
    public let column: Int
    public let message: String

    init(_ place: String, line: Int = 0, column: Int = 0, _ message: String) {
        self.place = place
        self.line = line
        self.column = column
        self.message = message
    }

    public var description: String {
        line == 0 ? "\(place): \(message)" : "\(place):\(line):\(column): \(message)"
    }
}
