// SPDX-License-Identifier: Apache-2.0

/// What reading one document found wrong, gathered so that one bad entry does not hide the next.
final class Report {
    /// More problems than this are counted, not listed.
    static let listed = 1_000
    /// More values than this are not read. Far above what the maps hold; aliases of aliases could unfold without end.
    static let valuesMax = 400_000

    let file: String
    private var problems: Set<Problem> = []
    private var unlisted = 0
    private var found: [Warning] = []
    private var values = 0

    init(file: String) { self.file = file }

    func add(_ message: String, at place: Place) {
        let problem = Problem(file: file, place: place, message: message)
        guard !problems.contains(problem) else { return }
        if problems.count < Report.listed { problems.insert(problem) } else { unlisted += 1 }
    }

    func warn(_ message: String, at place: Place) {
        let warning = Warning(file: file, line: place.line, column: place.column, message: message)
        if !found.contains(warning) && found.count < Report.listed { found.append(warning) }
    }

    /// Takes one value more into account; false once the document has unfolded to too many.
    func admit(at place: Place) -> Bool {
        values += 1
        if values == Report.valuesMax + 1 {
            let message = "the document unfolds to more than \(Report.valuesMax) values; the rest is not checked"
            problems.insert(Problem(file: file, place: place, message: message))
        }
        return values <= Report.valuesMax
    }

    var warnings: [Warning] { found.sorted { ($0.line, $0.column) < ($1.line, $1.column) } }

    /// Throws all that was found, in the order of the document.
    func finish() throws(Problems) {
        guard !problems.isEmpty else { return }
        var list = problems.sorted { ($0.line, $0.column, $0.message) < ($1.line, $1.column, $1.message) }
        if unlisted > 0 { list.append(Problem(file: file, message: "\(unlisted) more problems are not listed")) }
        throw Problems(list)
    }
}
