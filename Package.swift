// swift-tools-version: 6.2
// SPDX-License-Identifier: Apache-2.0

import PackageDescription

let strict: [SwiftSetting] = [.treatAllWarnings(as: .error)]

/// A module of ours: its name, and all that it may import.
func module(_ name: String, _ dependencies: [Target.Dependency], exclude: [String] = []) -> Target {
    .target(name: name, dependencies: dependencies, exclude: exclude, swiftSettings: strict)
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .testTarget(name: name, dependencies: ["TestSupport"] + dependencies, swiftSettings: strict)
}

let argumentParser = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let lifecycle = Target.Dependency.product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let unixSignals = Target.Dependency.product(name: "UnixSignals", package: "swift-service-lifecycle")
let nioHTTP1 = Target.Dependency.product(name: "NIOHTTP1", package: "swift-nio")
let nioFoundation = Target.Dependency.product(name: "NIOFoundationCompat", package: "swift-nio")
let yams = Target.Dependency.product(name: "Yams", package: "Yams")
let hummingbird = Target.Dependency.product(name: "Hummingbird", package: "hummingbird")
let httpClient = Target.Dependency.product(name: "AsyncHTTPClient", package: "async-http-client")
let mustache = Target.Dependency.product(name: "Mustache", package: "swift-mustache")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let nioSSL = Target.Dependency.product(name: "NIOSSL", package: "swift-nio-ssl")
let nio = Target.Dependency.product(name: "NIOCore", package: "swift-nio")

let package = Package(
    name: "sluice",
    products: [
        .executable(name: "sluiced", targets: ["sluiced"]),
        .executable(name: "sluicectl", targets: ["sluicectl"]),
        .library(name: "Coordination", targets: ["Coordination"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser.git", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log.git", from: "1.16.0"),
        .package(url: "https://github.com/apple/swift-nio.git", from: "2.101.0"),
        .package(url: "https://github.com/apple/swift-nio-ssl.git", from: "2.37.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle.git", from: "2.13.0"),
        .package(url: "https://github.com/swift-server/async-http-client.git", from: "1.37.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird.git", from: "2.28.0"),
        .package(url: "https://github.com/hummingbird-project/swift-mustache.git", from: "2.1.0"),
        .package(url: "https://github.com/jpsim/Yams.git", from: "6.2.0"),
    ],
    targets: [
        // Floor 0: what is not Swift.
        .systemLibrary(name: "CDataplane", path: "bpf/include"),
        .systemLibrary(name: "CBPF"),
        .target(name: "CLinux"),
        .systemLibrary(name: "COpenSSL"),
        .systemLibrary(name: "CHiredis"),

        // Floor 1: import floor 0 and packages.
        module("Model", ["CDataplane"]),
        module("BPF", ["CBPF", "CLinux", "COpenSSL"]),
        module("Storage", ["CLinux", "COpenSSL"]),
        module("EventLoop", ["CLinux"]),
        module("ConsulAPI", [httpClient, nio, nioPosix, nioHTTP1, nioSSL]),

        // Floor 2: never each other.
        module("Documents", ["Model", "CDataplane", yams]),
        module("Dataplane", ["Model", "BPF", "Storage", "CDataplane"]),
        module("NextHops", ["Model", "EventLoop", "CLinux"]),
        module("Health", ["Model", "EventLoop", "CLinux"]),
        module("Relay", ["Model", "EventLoop", "BPF", "CDataplane"]),
        module("Reconciler", ["Model", "Storage", logging]),
        module("Discovery", ["Model", "ConsulAPI", logging]),
        module(
            "Coordination",
            ["Storage", "ConsulAPI", "CHiredis", "COpenSSL", httpClient, nio, nioFoundation, nioPosix, nioSSL, logging]),
        module("Templates", ["Model", "CLinux", "ConsulAPI", "Storage", mustache, logging]),
        module("Diagnosis", ["Model"]),
        module("Admin", ["CLinux", hummingbird, nio, logging]),
        module("HTTP", ["CLinux", "COpenSSL", "EventLoop"]),

        // Floor 3: the programs, and what they have in common.
        module(
            "Programs",
            [
                "Admin", "BPF", "ConsulAPI", "Coordination", "Documents", "EventLoop", "HTTP", "Model", "Reconciler",
                "Relay", "Storage",
            ]),
        .executableTarget(
            name: "sluiced",
            dependencies: [
                "Model", "Storage", "EventLoop", "ConsulAPI", "Documents", "Dataplane", "NextHops", "Health",
                "Discovery", "Coordination", "Programs", "Reconciler", "Relay", "HTTP", "Admin", "CLinux", "BPF",
                argumentParser,
                logging, lifecycle, unixSignals,
            ],
            swiftSettings: strict),
        module("Benchmark", ["Model", "BPF", "Storage", "Dataplane", "CDataplane", "CLinux"]),
        .executableTarget(
            name: "sluicectl",
            dependencies: [
                "Benchmark", "HTTP", "Relay",
                "Model", "BPF", "Storage", "EventLoop", "Documents", "Dataplane", "NextHops", "Reconciler", "Admin",
                "Diagnosis", "ConsulAPI", "Coordination", "Programs", "Discovery", "Templates", "CLinux", "CDataplane",
                logging, argumentParser, unixSignals, httpClient, nio, nioHTTP1, nioFoundation,
            ],
            path: "tools/sluicectl",
            swiftSettings: strict),

        // Tests.
        .executableTarget(
            name: "proxyprogram", dependencies: ["HTTP", "EventLoop"], path: "Tests/ProxyProgram",
            swiftSettings: strict),
        .target(name: "TestSupport", dependencies: [], path: "Tests/TestSupport", swiftSettings: strict),
        tests("ModelTests", ["Model", "CDataplane"]),
        tests("BPFTests", ["BPF", "CLinux"]),
        tests("StorageTests", ["Storage"]),
        tests("ConsulAPITests", ["ConsulAPI"]),
        tests("DiscoveryTests", ["Discovery", "ConsulAPI", "Model", logging]),
        tests("TemplatesTests", ["Templates", "Discovery", "ConsulAPI", "Model", "Storage"]),
        tests("EventLoopTests", ["EventLoop", "CLinux"]),
        tests("DocumentsTests", ["Documents", "Model"]),
        tests("DataplaneTests", ["Dataplane", "Relay", "EventLoop", "Model", "BPF", "CDataplane"]),
        tests("PacketTests", ["Dataplane", "Model", "BPF", "CDataplane"]),
        tests("DiagnosisTests", ["Diagnosis", "Model"]),
        tests("SteeringTests", ["Dataplane", "Model", "BPF", "CDataplane"]),
        tests("BenchmarkTests", ["Benchmark"]),
        tests("SystemTests", ["Model"]),
        tests("NextHopsTests", ["NextHops", "Model", "EventLoop"]),
        tests("HealthTests", ["Health", "Model", "EventLoop"]),
        tests("RelayTests", ["Relay", "Model", "EventLoop", "BPF", "CDataplane"]),
        tests("ReconcilerTests", ["Reconciler", "Model", "Storage", logging]),
        tests("AdminTests", ["Admin", logging]),
        tests("HTTPTests", ["HTTP"]),
        tests("ProxyTests", ["HTTP", "EventLoop"]),
        tests(
            "SluicedTests",
            [
                "sluiced", "Admin", "Coordination", "Documents", "EventLoop", "HTTP", "Model", "Programs", "Reconciler",
                "Relay", "Storage", logging, "CLinux",
            ]),
        tests("CoordinationTests", ["Coordination", "ConsulAPI", "Reconciler", "Storage", nio, logging]),
    ],
    swiftLanguageModes: [.v6]
)
