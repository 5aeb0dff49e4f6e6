// SPDX-License-Identifier: Apache-2.0

import Mustache
import Synchronization

/// Notices, while a template is filled, what must not be written as it stands.
///
/// Who may register a service writes its tags and metadata: a line break in one of them would be a line of the
/// configuration. `{{{name}}}` takes a value with all its lines.
final class RenderWatch: Sendable {
    private struct State {
        var path = ""
        var problem: String?
    }

    private let state = Mutex(State())

    @TaskLocal static var current: RenderWatch?

    /// The first that was found.
    var problem: String? { state.withLock { $0.problem } }

    /// The text of this value is what is written next.
    func shows(_ path: String) { state.withLock { $0.path = path } }

    func writes(_ text: String) {
        guard let bad = text.unicodeScalars.first(where: Self.endsLine) else { return }
        let what = bad == "\n" || bad == "\r" ? "a line break" : "the control character \(bad.escaped(asASCII: true))"
        let path = state.withLock { $0.path }
        refuse("the value of '\(path)' holds \(what); '{{{...}}}' takes it as it stands")
    }

    /// The first is kept.
    func refuse(_ problem: String) { state.withLock { $0.problem = $0.problem ?? problem } }

    private static func endsLine(_ scalar: Unicode.Scalar) -> Bool {
        scalar.value < 0x20 && scalar != "\t" || scalar.value == 0x7f || scalar == "\u{85}"
            || scalar == "\u{2028}" || scalar == "\u{2029}"
    }
}

/// Configuration files are no HTML: nothing is escaped, and what would end a line is noticed.
struct ConfigurationText: MustacheContentType {
    func escapeText(_ text: String) -> String {
        RenderWatch.current?.writes(text)
        return text
    }

    /// The first line of every template; once a process, the package is told what it means.
    static let pragma: String = {
        MustacheContentTypes.register(ConfigurationText(), named: "SLUICE")
        return "{{% CONTENT_TYPE:SLUICE}}\n"
    }()
}
