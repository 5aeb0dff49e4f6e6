// SPDX-License-Identifier: Apache-2.0

import EventLoop
import Glibc
import HTTP
import TestSupport
import Testing

/// TLS with clients of other libraries: curl and openssl.
@Suite(.requires("openssl", "curl"))
struct TLSTests {
    /// Certificates that sign themselves, by name.
    private struct Authority {
        let folder: TemporaryDirectory

        init() throws { folder = try TemporaryDirectory() }

        func make(_ name: String, _ arguments: String = "-days 30") throws -> TLSServer.Certificate {
            _ = try Shell.run(
                """
                openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=\(name) \
                -addext subjectAltName=DNS:\(name) \(arguments) \
                -keyout \(folder.path)/\(name).key -out \(folder.path)/\(name).pem 2>/dev/null
                """)
            return .init(chain: "\(folder.path)/\(name).pem", key: "\(folder.path)/\(name).key")
        }

        /// One of the year 2020; openssl makes such ones as an authority only.
        func makeExpired(_ name: String, key: String) throws -> TLSServer.Certificate {
            let configuration = """
                [ca]
                default_ca = own
                [own]
                database = \(folder.path)/index
                new_certs_dir = \(folder.path)
                serial = \(folder.path)/serial
                default_md = sha256
                policy = policy
                [policy]
                commonName = supplied
                """
            let file = try folder.write(configuration, to: "authority")
            _ = try folder.write("", to: "index")
            _ = try folder.write("01", to: "serial")
            _ = try Shell.run(
                """
                cd \(folder.path) && openssl req -new -key \(key) -subj /CN=\(name) -out request 2>/dev/null && \
                openssl ca -batch -notext -config \(file) -selfsign -keyfile \(key) -in request \
                -startdate 20200101000000Z -enddate 20200201000000Z -out \(name).pem 2>/dev/null
                """)
            return .init(chain: "\(folder.path)/\(name).pem", key: key)
        }
    }

    private struct Served {
        let proxy: Fixture
        let port: UInt16

        init(_ tls: TLSServer) async throws {
            proxy = try await Fixture(backends: [])
            let listener = try Descriptor.listener(on: .loopback(port: 0))
            port = try listener.localAddress().port
            try await proxy.worker.listen(on: listener, tls: tls)
        }

        func curl(_ name: String, _ arguments: String) throws -> String {
            try Shell.run(
                """
                curl -sS --max-time 20 --resolve \(name):\(port):127.0.0.1 https://\(name):\(port)/-/answer \
                -o /dev/null -w '%{http_code} %{http_version}' \(arguments) 2>&1 || true
                """)
        }
    }

    @Test(arguments: ["--http2", "--http1.1", "--tlsv1.3 --http2", "--tls-max 1.2 --http2"])
    func `both versions of HTTP are agreed on`(_ arguments: String) async throws {
        let authority = try Authority()
        let own = try authority.make("one.test")
        let served = try await Served(TLSServer([own]))
        let answer = try served.curl("one.test", "--cacert \(own.chain) \(arguments)")
        await served.proxy.end()
        #expect(answer == (arguments.contains("http2") ? "204 2" : "204 1.1"))
    }

    @Test func `each name is shown its certificate`() async throws {
        let authority = try Authority()
        let names = ["one.test", "two.test", "three.test"]
        let certificates = try names.map { try authority.make($0) }
        let served = try await Served(TLSServer(certificates))
        let answers = try zip(names, certificates).map { try served.curl($0, "--cacert \($1.chain)") }
        await served.proxy.end()
        #expect(answers == ["204 2", "204 2", "204 2"])
    }

    @Test func `certificates are replaced without a restart`() async throws {
        let authority = try Authority()
        let (old, new) = (try authority.make("one.test"), try authority.make("two.test"))
        let served = try await Served(TLSServer([old]))
        _ = try served.curl("one.test", "--cacert \(old.chain)")
        try await served.proxy.worker.replace(tls: TLSServer([new]), ofListener: 1)
        let answer = try served.curl("two.test", "--cacert \(new.chain)")
        await served.proxy.end()
        #expect(answer == "204 2")
    }

    @Test func `a client without a certificate is refused where one is asked for`() async throws {
        let authority = try Authority()
        let (own, client) = (try authority.make("one.test"), try authority.make("client"))
        let served = try await Served(TLSServer([own], clientAuthority: client.chain))
        let known = try served.curl("one.test", "--cacert \(own.chain) --cert \(client.chain) --key \(client.key)")
        let unknown = try served.curl("one.test", "--cacert \(own.chain)")
        await served.proxy.end()
        #expect(known == "204 2")
        #expect(!unknown.contains("204"))
    }

    @Test func `a session of one worker is resumed by another that shares its keys`() async throws {
        let authority = try Authority()
        let own = try authority.make("one.test")
        let keys = (0..<TLSServer.ticketKeyBytes).map { UInt8($0) }
        let first = try await Served(TLSServer([own], ticketKeys: keys))
        let second = try await Served(TLSServer([own], ticketKeys: keys))
        let session = "\(authority.folder.path)/session"
        let ask = "printf 'GET /-/answer HTTP/1.1\\r\\nHost: a\\r\\nConnection: close\\r\\n\\r\\n'"
        func client(_ port: UInt16, _ arguments: String) throws -> String {
            try Shell.run(
                "\(ask) | timeout 20 openssl s_client -ign_eof -connect 127.0.0.1:\(port) \(arguments) 2>&1 || true")
        }
        _ = try client(first.port, "-sess_out \(session)")
        let answer = try client(second.port, "-sess_in \(session)")
        await first.proxy.end()
        await second.proxy.end()
        #expect(answer.contains("Reused, TLSv1.3"))
    }

    @Test(arguments: [("", true), ("-no_ticket", false)])
    func `a session lives in its ticket alone`(_ arguments: String, isResumed: Bool) async throws {
        let authority = try Authority()
        let served = try await Served(TLSServer([try authority.make("one.test")]))
        let session = "\(authority.folder.path)/session"
        let ask = "printf 'GET /-/answer HTTP/1.1\\r\\nHost: a\\r\\nConnection: close\\r\\n\\r\\n'"
        let client = "timeout 20 openssl s_client -ign_eof -tls1_2 \(arguments) -connect 127.0.0.1:\(served.port)"
        _ = try Shell.run("\(ask) | \(client) -sess_out \(session) 2>&1 || true")
        let answer = try Shell.run("\(ask) | \(client) -sess_in \(session) 2>&1 || true")
        await served.proxy.end()
        // Without a ticket and an id there is nothing that the client could come back with.
        #expect(answer.contains("Reused, TLSv1.2") == isResumed)
    }

    @Test func `a session is resumed after its key's successor came`() async throws {
        let authority = try Authority()
        let own = try authority.make("one.test")
        let keys = (0..<2).map { turn in (0..<TLSServer.ticketKeyBytes).map { UInt8($0 + turn) } }
        var material = TLSMaterial([try .init(chainFile: own.chain, keyFile: own.key)])
        material.ticketKeys = [keys[0]]
        let served = try await Served(TLSServer(material))
        let session = "\(authority.folder.path)/session"
        let ask = "printf 'GET /-/answer HTTP/1.1\\r\\nHost: a\\r\\nConnection: close\\r\\n\\r\\n'"
        func client(_ arguments: String) throws -> String {
            let connect = "openssl s_client -ign_eof -connect 127.0.0.1:\(served.port)"
            return try Shell.run("\(ask) | timeout 20 \(connect) \(arguments) 2>&1 || true")
        }
        _ = try client("-sess_out \(session)")
        material.ticketKeys = [keys[1], keys[0]]
        try await served.proxy.worker.replace(tls: TLSServer(material))
        let later = try client("-sess_in \(session)")
        material.ticketKeys = [keys[1]]
        try await served.proxy.worker.replace(tls: TLSServer(material))
        let last = try client("-sess_in \(session)")
        await served.proxy.end()
        #expect(later.contains("Reused, TLSv1.3"))
        #expect(last.contains("New, TLSv1.3"))
    }

    @Test func `a file that does not serve is named with its fault`() throws {
        let authority = try Authority()
        let (one, two) = (try authority.make("one.test"), try authority.make("two.test"))
        let expired = try authority.makeExpired("old.test", key: one.key)
        func fault(_ certificate: TLSServer.Certificate) -> String {
            do {
                _ = try TLSServer([certificate])
                return "none"
            } catch {
                return error.description.replacing(authority.folder.path, with: "")
            }
        }
        #expect(fault(.init(chain: one.chain, key: two.key)) == "use key /two.test.key: key values mismatch")
        #expect(fault(.init(chain: "/nowhere", key: one.key)).hasPrefix("read certificate /nowhere: "))
        #expect(fault(expired) == "use certificate /old.test.pem: it has expired")
    }

    @Test(.timeLimit(.minutes(1))) func `a pipe in a file's place is refused, and nobody waits for it`() throws {
        let folder = try TemporaryDirectory()
        let pipe = "\(folder.path)/pipe.pem"
        #expect(mkfifo(pipe, 0o600) == 0)
        let error = #expect(throws: TLSError.self) { try TLSServer([.init(chain: pipe, key: pipe)]) }
        #expect(error?.description == "read certificate \(pipe): it is no file")
    }

    @Test func `who speaks no TLS is let go`() async throws {
        let authority = try Authority()
        let served = try await Served(TLSServer([try authority.make("one.test")]))
        let client = try PlainSocket(port: served.port)
        client.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        let answer = client.read()
        let failures = await served.proxy.worker.counters.handshakeFailures
        await served.proxy.end()
        #expect(!answer.hasPrefix("HTTP"))
        #expect(failures == 1)
    }
}
