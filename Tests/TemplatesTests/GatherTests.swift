// SPDX-License-Identifier: Apache-2.0

import Model
import Templates
import Testing

/// What is there, and what a template waits for.
@Suite struct GatherTests {
    private let web = CatalogQuery(service: "web")

    private func instance(_ state: CatalogInstance.State) -> CatalogInstance {
        CatalogInstance(name: "n/\(state)", address: IPAddress(v4: 1), port: 80, state: state)
    }

    private func needs(_ change: (inout TemplateDefinition) -> Void) -> TemplateDefinition {
        var definition = TemplateDefinition(name: "t", source: .file("/t"), target: .key("out"))
        change(&definition)
        return definition
    }

    private func knowing(_ change: (inout Knowledge) -> Void) -> Knowledge {
        var knowledge = Knowledge()
        knowledge.files["/t"] = .content("text")
        change(&knowledge)
        return knowledge
    }

    private func missing(_ gathered: Gathered) -> [String] {
        if case .waiting(let missing) = gathered { missing } else { [] }
    }

    private func data(_ gathered: Gathered) -> TemplateData? {
        if case .complete(let input) = gathered { input.data } else { nil }
    }

    @Test func `nothing is known at first`() {
        let definition = needs {
            $0.services = [.init(name: "web", query: web)]
            $0.keys = [.init(name: "k", key: "a/k")]
            $0.prefixes = [.init(name: "p", prefix: "p/")]
        }
        #expect(
            missing(Knowledge().gather(definition, host: "h")) == [
                "/t: not read yet", "service web: not read yet", "key a/k: not read yet", "prefix p/: not read yet",
            ])
    }

    @Test func `instances are those in the states that are asked for`() {
        let knowledge = knowing {
            $0.services[web] = CatalogService(
                reading: ServiceReading(instances: [instance(.active), instance(.draining), instance(.out)]))
        }
        let active = needs { $0.services = [.init(name: "w", query: web)] }
        let all = needs { $0.services = [.init(name: "w", query: web, states: [.active, .draining, .out])] }
        #expect(data(knowledge.gather(active, host: "h"))?.services["w"]?.instances.count == 1)
        #expect(data(knowledge.gather(all, host: "h"))?.services["w"]?.instances.count == 3)
    }

    @Test func `a service without enough instances is waited for`() {
        let knowledge = knowing {
            $0.services[web] = CatalogService(reading: ServiceReading(instances: [instance(.out)]))
        }
        let one = needs { $0.services = [.init(name: "w", query: web)] }
        let none = needs { $0.services = [.init(name: "w", query: web, minimum: 0)] }
        #expect(missing(knowledge.gather(one, host: "h")) == ["service web: no instance is active, 1 needed"])
        #expect(data(knowledge.gather(none, host: "h"))?.services["w"]?.instances == [])
    }

    @Test func `a service that is empty all at once is believed only where none are needed`() {
        let knowledge = knowing {
            $0.services[web] = CatalogService(
                reading: ServiceReading(instances: [instance(.active)]),
                trouble: CatalogTrouble(.emptied, "gone", since: .zero), suspect: ServiceReading())
        }
        let one = needs { $0.services = [.init(name: "w", query: web)] }
        let none = needs { $0.services = [.init(name: "w", query: web, minimum: 0)] }
        #expect(data(knowledge.gather(one, host: "h"))?.services["w"]?.instances.count == 1)
        #expect(data(knowledge.gather(none, host: "h"))?.services["w"]?.instances == [])
    }

    @Test func `a key that does not exist has its default`() {
        let knowledge = knowing { $0.keys[.key("a/k")] = .init(isGone: true, trouble: "there is none") }
        let plain = needs { $0.keys = [.init(name: "k", key: "a/k")] }
        let fallback = needs { $0.keys = [.init(name: "k", key: "a/k", fallback: "7")] }
        #expect(missing(knowledge.gather(plain, host: "h")) == ["key a/k: there is none"])
        #expect(data(knowledge.gather(fallback, host: "h"))?.keys == ["k": "7"])
    }

    @Test func `a key that cannot be read has no default`() {
        let knowledge = knowing { $0.keys[.key("a/k")] = .init(trouble: "unreachable") }
        let fallback = needs { $0.keys = [.init(name: "k", key: "a/k", fallback: "7")] }
        #expect(missing(knowledge.gather(fallback, host: "h")) == ["key a/k: unreachable"])
    }

    @Test func `a key that was deleted keeps its value`() {
        let knowledge = knowing { $0.keys[.key("a/k")] = .init(held: ["a/k": "1"], isGone: true) }
        let plain = needs { $0.keys = [.init(name: "k", key: "a/k")] }
        #expect(data(knowledge.gather(plain, host: "h"))?.keys == ["k": "1"])
    }

    @Test func `keys below a prefix are named without it, folders left out`() {
        let knowledge = knowing {
            $0.keys[.prefix("p/")] = .init(held: ["p/": "", "p/b": "2", "p/a/x": "1", "p/d/": ""])
        }
        let definition = needs { $0.prefixes = [.init(name: "p", prefix: "p/")] }
        #expect(
            data(knowledge.gather(definition, host: "h"))?.prefixes["p"]?.map(\.name) == ["a/x", "b"])
    }

    @Test func `a prefix that is empty is taken where none are needed`() {
        let knowledge = knowing { $0.keys[.prefix("p/")] = .init(isGone: true, trouble: "there is none") }
        let one = needs { $0.prefixes = [.init(name: "p", prefix: "p/")] }
        let none = needs { $0.prefixes = [.init(name: "p", prefix: "p/", minimum: 0)] }
        #expect(missing(knowledge.gather(one, host: "h")) == ["prefix p/: 0 keys, 1 are needed"])
        #expect(data(knowledge.gather(none, host: "h"))?.prefixes == ["p": []])
    }
}
