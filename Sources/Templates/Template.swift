// SPDX-License-Identifier: Apache-2.0

import Model
import Mustache

/// A template's text, checked.
public struct Template: Sendable {
    /// The file or the key it lies in.
    public let place: String
    private let parsed: MustacheTemplate
    private let isPadded: Bool

    /// Longer texts are refused: Consul keeps none longer either.
    public static let bytesMax = 512 << 10

    /// Throws the first thing that is wrong, with its line.
    public init(_ text: String, place: String, of definition: TemplateDefinition) throws(TemplateError) {
        self.place = place
        guard text.utf8.count <= Self.bytesMax else {
            throw TemplateError(place, "longer than \(Self.bytesMax >> 10) KiB")
        }
        try TemplateNames(definition).check(try TagScanner.tags(of: text, place: place), place: place)
        // The package takes an opening brace as the very last character for a tag that is cut off.
        isPadded = text.last.map { !$0.isNewline && !$0.isLetter && !$0.isNumber && $0 != "}" } ?? false
        do {
            parsed = try MustacheTemplate(string: ConfigurationText.pragma + text + (isPadded ? "\n" : ""))
        } catch let error as MustacheTemplate.ParserError {
            // Less the line that was put before it.
            throw TemplateError(
                place, line: max(error.context.lineNumber - 1, 1), column: error.context.columnNumber,
                "no Mustache template: \(error.error)")
        } catch {
            throw TemplateError(place, "no Mustache template: \(error)")
        }
    }

    /// Fills it. The same data give the same text. Throws where a value would break out of its line.
    public func render(_ data: TemplateData) throws(TemplateError) -> String {
        let watch = RenderWatch()
        let text = RenderWatch.$current.withValue(watch) { parsed.render(ShownData.root(data)) }
        if let problem = watch.problem { throw TemplateError(place, problem) }
        return isPadded ? String(text.dropLast()) : text
    }
}
