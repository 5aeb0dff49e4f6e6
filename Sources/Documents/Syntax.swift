// SPDX-License-Identifier: Apache-2.0

import Yams

/// What the YAML parser says of a text that is none, in one line.
enum Syntax {
    static func problem(_ error: any Error, in text: String, file: String) -> Problem {
        switch error {
        case YamlError.scanner(let context, let problem, let mark, _),
            YamlError.parser(let context, let problem, let mark, _):
            return located(problem, context, mark, in: text, file: file)
        case YamlError.composer(_, _, let mark, _):
            // The only other thing that composing finds: aliases never reach it.
            let place = Place(line: mark.line, column: mark.column)
            return Problem(file: file, place: place, message: "a second document begins here; a file holds one")
        case YamlError.reader(let problem, _, _, _):
            return Problem(file: file, message: "not YAML: \(problem)")
        case YamlError.memory:
            return Problem(file: file, message: "not YAML: nested too deep, or memory is short")
        default:
            return Problem(file: file, message: "not YAML: \(error)")
        }
    }

    private static func located(
        _ problem: String, _ context: YamlError.Context?, _ mark: Mark, in text: String, file: String
    ) -> Problem {
        let marked = Place(line: mark.line, column: mark.column)
        let (place, scalar) = clamped(marked, in: text)
        if scalar == "\t" {
            return Problem(file: file, place: place, message: "not YAML: a tab cannot indent; write spaces")
        }
        if problem.hasPrefix("Maximum nesting") {
            return Problem(file: file, place: place, message: "not YAML: nested too deep")
        }
        let during = context.map { ", \($0.text)" + ($0.mark.line < place.line ? " from line \($0.mark.line)" : "") }
        return Problem(file: file, place: place, message: "not YAML: \(problem)\(during ?? "")")
    }

    /// The place, or the end of the text where it lies behind it, and the character there.
    private static func clamped(_ place: Place, in text: String) -> (Place, Unicode.Scalar?) {
        var walk = PlaceWalk()
        for scalar in text.unicodeScalars {
            if walk.place >= place { return (walk.place, scalar) }
            walk.pass(scalar)
        }
        return (walk.place, nil)
    }
}
