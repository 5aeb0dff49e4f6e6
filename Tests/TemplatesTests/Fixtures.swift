// SPDX-License-Identifier: Apache-2.0

import Model
import Templates

/// Needs all that `data` has.
let definition: TemplateDefinition = {
    var definition = TemplateDefinition(name: "t", source: .file("t"), target: .key("out"))
    definition.services = [.init(name: "web", query: CatalogQuery(service: "web"))]
    definition.keys = [.init(name: "html", key: "k/html"), .init(name: "two", key: "k/two")]
    definition.prefixes = [.init(name: "flags", prefix: "flags/")]
    return definition
}()

let data = TemplateData(
    host: "edge-1", template: "t",
    services: [
        "web": .init(
            instances: [
                CatalogInstance(
                    name: "n1/a", address: IPAddress(v4: 0x0a00_0001), port: 80, weight: 2, tags: ["x", "y"],
                    meta: ["tier": "edge"]),
                CatalogInstance(name: "n2/b", address: IPAddress(high: 0, low: 2), port: 81, state: .draining),
            ], routes: [.init(host: "a.org", path: "/x", options: ["timeout": "5s"])])
    ],
    keys: ["html": #"a < b & "c""#, "two": "one\ntwo\n"],
    prefixes: [
        "flags": [
            .init(key: "flags/db/host", name: "db/host", value: "h"),
            .init(key: "flags/db/port", name: "db/port", value: "1"), .init(key: "flags/on", name: "on", value: "yes"),
        ]
    ])
