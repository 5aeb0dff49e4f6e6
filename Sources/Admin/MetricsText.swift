// SPDX-License-Identifier: Apache-2.0

/// Metrics in the OpenMetrics text format, version 1.0.0.
///
/// A family is described once and then given its samples; the text is what was given, in that order.
public struct MetricsText: Hashable, Sendable {
    public static let contentType = "application/openmetrics-text; version=1.0.0; charset=utf-8"

    public enum Kind: String, Hashable, Sendable {
        case counter, gauge, info, histogram
    }

    public struct Label: Hashable, Sendable {
        let name: String
        let value: String

        public init(_ name: String, _ value: String) {
            self.name = name
            self.value = value
        }
    }

    private var lines = ""

    public init() {}

    /// The whole exposition, with its end mark.
    public var text: String { lines + "# EOF\n" }

    /// Begins a family and writes its samples.
    ///
    /// `name` is the family's, without `_total` or `_info`, and ends in `_<unit>` where there is a unit.
    public mutating func family(
        _ name: String, _ kind: Kind, unit: String? = nil, help: String, samples: (inout Samples) -> Void
    ) {
        precondition(Self.isName(name), "a metric's name has letters, digits and _")
        precondition(unit.map { name.hasSuffix("_\($0)") } ?? true, "a metric's name ends in its unit")
        lines += "# TYPE \(name) \(kind.rawValue)\n"
        if let unit { lines += "# UNIT \(name) \(unit)\n" }
        lines += "# HELP \(name) \(Self.escaped(help))\n"
        let suffix = kind == .counter ? "_total" : kind == .info ? "_info" : ""
        var family = Samples(name: name + suffix)
        samples(&family)
        lines += family.lines
    }

    /// A family of one sample without labels.
    public mutating func counter(_ name: String, unit: String? = nil, help: String, _ value: UInt64) {
        family(name, .counter, unit: unit, help: help) { $0.add(value) }
    }

    public mutating func gauge(_ name: String, unit: String? = nil, help: String, _ value: Double) {
        family(name, .gauge, unit: unit, help: help) { $0.add(value) }
    }

    /// The samples of one family.
    public struct Samples {
        fileprivate let name: String
        fileprivate var lines = ""

        fileprivate init(name: String) { self.name = name }

        public mutating func add(_ value: UInt64, _ labels: Label...) { add(text: "\(value)", labels) }

        public mutating func add(_ value: Double, _ labels: Label...) { add(text: Self.number(value), labels) }

        /// A histogram's.
        ///
        /// - Parameter buckets: of each bound what is above the one before and not above it, then the rest.
        public mutating func add(bounds: [Double], _ buckets: [UInt64], sum: Double, _ labels: Label...) {
            var count: UInt64 = 0
            for (index, bucket) in buckets.enumerated() {
                count &+= bucket
                let bound = index < bounds.count ? "\(bounds[index])" : "+Inf"
                add("_bucket", text: "\(count)", labels + [Label("le", bound)])
            }
            add("_count", text: "\(count)", labels)
            add("_sum", text: Self.number(sum), labels)
        }

        private mutating func add(_ suffix: String = "", text: String, _ labels: [Label]) {
            lines += name + suffix
            if !labels.isEmpty {
                lines += "{"
                lines += labels.map { "\($0.name)=\"\(MetricsText.escaped($0.value))\"" }.joined(separator: ",")
                lines += "}"
            }
            lines += " \(text)\n"
        }

        private static func number(_ value: Double) -> String {
            if value.isNaN { return "NaN" }
            if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
            return value == value.rounded() && value.magnitude < 1e15 ? "\(Int64(value))" : "\(value)"
        }
    }

    private static func isName(_ name: String) -> Bool {
        guard let first = name.utf8.first, !(48...57).contains(first) else { return false }
        return name.utf8.allSatisfy { byte in
            (97...122).contains(byte) || (65...90).contains(byte) || (48...57).contains(byte) || byte == 95
        }
    }

    /// Backslash, quote and end of line, in help texts and label values alike.
    private static func escaped(_ text: String) -> String {
        guard text.utf8.contains(where: { $0 == 92 || $0 == 34 || $0 == 10 }) else { return text }
        var escaped = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\": escaped += "\\\\"
            case "\"": escaped += "\\\""
            case "\n": escaped += "\\n"
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }
}
