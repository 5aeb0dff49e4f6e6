// SPDX-License-Identifier: Apache-2.0

import Discovery
import Model
import TestSupport
import Testing

@Suite struct FileCatalogTests {
    private let directory: TemporaryDirectory
    private let web = CatalogQuery(service: "web")

    init() throws { directory = try TemporaryDirectory() }

    private func text(_ id: String) -> String {
        #"[{"Node":{"Node":"n","Address":"10.0.0.1"},"Service":{"ID":"\#(id)","Service":"web","Port":80}}]"#
    }

    private func following<Value>(
        _ queries: Set<CatalogQuery>, _ body: (FileCatalog) async throws -> Value
    ) async throws -> Value {
        let catalog = FileCatalog(
            directory.path + "/catalog.json", interval: .milliseconds(5),
            quiet: QuietTime(quiet: .milliseconds(5), longest: .seconds(1)))
        catalog.watch(queries)
        return try await whileRunning(catalog.run) { try await body(catalog) }
    }

    @Test func `a change of the file is a new catalog`() async throws {
        try directory.write(text("a"), to: "catalog.json")
        try await following([web]) { catalog in
            var catalogs = catalog.catalogs.makeAsyncIterator()
            #expect(await catalogs.next()?.services[web]?.reading?.instances.map(\.name) == ["n/a"])
            try directory.write(text("b"), to: "new.json")
            try Shell.run("mv \(directory.path)/new.json \(directory.path)/catalog.json")
            #expect(await catalogs.next()?.services[web]?.reading?.instances.map(\.name) == ["n/b"])
        }
    }

    @Test(arguments: [("rm", CatalogTrouble.Kind.unreachable), ("truncate -s 9", .garbage)])
    func `a file that goes bad leaves the last good content`(command: String, kind: CatalogTrouble.Kind) async throws {
        let file = try directory.write(text("a"), to: "catalog.json")
        try await following([web]) { catalog in
            try await awaited("the first catalog") { catalog.current.services[web]?.reading != nil }
            try Shell.run("\(command) \(file)")
            try await awaited("trouble") { catalog.current.services[web]?.trouble?.kind == kind }
            #expect(catalog.current.services[web]?.reading?.instances.map(\.name) == ["n/a"])
        }
    }

    @Test func `a filter of a file is refused`() async throws {
        try directory.write(text("a"), to: "catalog.json")
        let filtered = CatalogQuery(service: "web", filter: "x")
        try await following([filtered]) { catalog in
            try await awaited("trouble") { catalog.current.services[filtered]?.trouble?.kind == .refused }
        }
    }
}
