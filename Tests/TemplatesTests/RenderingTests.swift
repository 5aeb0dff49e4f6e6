// SPDX-License-Identifier: Apache-2.0

import Model
import Templates
import Testing

/// What comes of a template and its data.
@Suite struct RenderingTests {
    @Test(arguments: [
        // What is not said to be HTML is not treated as such.
        ("{{keys.html}} {{{keys.html}}}", #"a < b & "c" a < b & "c""#),
        ("{{#services.web}}{{endpoint}}{{^last()}}, {{/last()}}{{/services.web}}", "10.0.0.1:80, [::2]:81"),
        ("{{#services.web}}{{index()}}={{id}}@{{node}} {{/services.web}}", "0=a@n1 1=b@n2 "),
        ("{{#services.web}}{{weight}}{{#draining}} draining{{/draining}};{{/services.web}}", "2;1 draining;"),
        (
            "{{#services.web}}{{#meta.tier}}{{.}}{{/meta.tier}}{{^meta.tier}}none{{/meta.tier}} {{/services.web}}",
            "edge none "
        ),
        ("{{#services.web}}{{#tags}}<{{.}}>{{/tags}}{{/services.web}}", "<x><y>"),
        ("{{count(services.web)}} {{count(services)}}", "2 1"),
        ("{{#services}}{{name}}:{{#instances}} {{id}}{{/instances}};{{/services}}", "web: a b;"),
        ("{{#first(services.web)}}{{address}}{{/first(services.web)}}", "10.0.0.1"),
        (
            "{{#routes}}{{host}}{{path}} {{service}} {{#port}}no{{/port}}{{options.timeout}}{{/routes}}",
            "a.org/x web 5s"
        ),
        ("{{#prefixes.flags}}{{name}}={{value}} {{/prefixes.flags}}", "db/host=h db/port=1 on=yes "),
        ("{{prefixes.flags.db.host}} {{#true(prefixes.flags.on)}}on{{/true(prefixes.flags.on)}}", "h on"),
        ("{{#prefixes.flags.db}}{{name}} {{/prefixes.flags.db}}", "db/host db/port "),
        ("{{#lines(keys.two)}}[{{.}}]{{/lines(keys.two)}}", "[one][two]"),
        ("{{json(keys.two)}} {{json(keys.html)}}", #""one\ntwo\n" "a < b & \"c\"""#),
        ("{{#services.web}}{{#sorted(meta)}}{{key}}:{{value}}{{/sorted(meta)}}{{/services.web}}", "tier:edge"),
        ("{{{keys.two}}}", "one\ntwo\n"),
        ("{{#services.web}}\n  {{id}}\n{{/services.web}}\n", "  a\n  b\n"),
        ("{{=<% %>=}}<% host %> {{host}}", "edge-1 {{host}}"),
        ("server {", "server {"),
        ("{{! a remark }}{{template}}\n", "t\n"),
        ("", ""),
    ])
    func `text and data make`(template: String, expected: String) throws {
        #expect(try Template(template, place: "t", of: definition).render(data) == expected)
    }

    @Test func `a value of several lines does not come in by two braces`() throws {
        let template = try Template("limit {{keys.two}};", place: "t", of: definition)
        let error = #expect(throws: TemplateError.self) { try template.render(data) }
        #expect(
            error?.description == "t: the value of 'keys.two' holds a line break; '{{{...}}}' takes it as it stands")
    }

    @Test(arguments: [
        ("a\n  {{#services.web}}{{adress}}{{/services.web}}", "t:2:20: unknown name 'adress'; did you mean 'address'?"),
        ("{{services.wbe}}", "t:1:1: no 'wbe' under this template's 'services'; did you mean 'web'?"),
        ("{{keys.nothing}}", "t:1:1: no 'nothing' under this template's 'keys'"),
        ("{{#services.web.instance}}", "t:1:1: unknown name 'instance' of a service; did you mean 'instances'?"),
        ("{{#services.web}}\n{{name}}", "t:1:1: '#services.web' is never closed"),
        ("{{#services.web}}\n{{/services}}", "t:2:1: '/services' closes '#services.web' of line 1"),
        ("{{/services}}", "t:1:1: '/services' closes nothing"),
        ("x {{host", "t:1:3: the tag is never closed"),
        ("{{host }", "t:1:1: '}' after 'host' cannot stand in a name"),
        ("{{keys/x}}", "t:1:1: '/' after 'keys' cannot stand in a name"),
        ("{{{host}}", "t:1:1: '{{{host' is closed by '}}}'"),
        ("{{>other}}", "t:1:1: partials and blocks ('>') are not supported"),
        ("{{frist(services.web)}}", "t:1:1: unknown transform 'frist'; did you mean 'first'?"),
        ("{{first(host}}", "t:1:1: 'first(host' is no name: NAME or transform(NAME) is expected"),
        ("{{}}", "t:1:1: a tag without a name"),
        ("{{", "t:1:1: a tag begins here and nothing follows"),
        ("{{! remark", "t:1:1: the comment is never closed"),
        ("{{=<%=}}", "t:1:1: expected other delimiters, such as {{=<% %>=}}"),
        ("\n{{% NO: thing}}", "t:2:16: no Mustache template: unrecognisedConfigVariable"),
    ])
    func `a bad template is named with its line`(template: String, expected: String) {
        let error = #expect(throws: TemplateError.self) { try Template(template, place: "t", of: definition) }
        #expect(error?.description == expected)
    }

    @Test(arguments: [
        ("{{services.web}}", "t: 'services.web' is a list and no text; {{#...}} goes through it"),
        ("{{#services.web}}{{meta}}{{/services.web}}", "t: 'services.web.meta' has members and is no text"),
        ("{{{prefixes.flags.db}}}", "t: 'prefixes.flags.db' is a list and no text; {{#...}} goes through it"),
    ])
    func `what is no text is not written as one`(text: String, expected: String) throws {
        let template = try Template(text, place: "t", of: definition)
        let error = #expect(throws: TemplateError.self) { try template.render(data) }
        #expect(error?.description == expected)
    }

    @Test func `sections that are too deep are refused`() {
        let text = String(repeating: "{{#host}}", count: 40)
        let error = #expect(throws: TemplateError.self) { try Template(text, place: "t", of: definition) }
        #expect(error?.message == "more than 32 sections deep")
    }
}
