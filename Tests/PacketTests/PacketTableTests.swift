// SPDX-License-Identifier: Apache-2.0

import BPF
import CDataplane
import TestSupport
import Testing

@testable import Dataplane

/// Everything here loads programs into the kernel: one test at a time.
@Suite(.serialized, .requires("root", "bpf", "clang")) enum PacketTests {}

extension PacketTests {
    @MainActor struct PacketTableTests {
        @Test func `the whole program does with each packet as the table says`() throws {
            let count = try check(Row.all, on: Stage.whole())
            #expect(count >= 80)
        }

        @Test func `packets leave by the device map where several interfaces are attached`() throws {
            try check(Row.all, on: Stage.whole(attached: [Fleet.edge, Fleet.second]))
        }

        @Test(arguments: smaller)
        func `a program of fewer features does the same with what they allow`(features: Features) throws {
            try check(Row.all, on: Stage(features: features.intersection(Stage.everything)))
        }

        private nonisolated static let smaller: [Features] = [
            [.ipv4, .ipip, .tracking, .coarseClock],
            [.ipv6, .ipip, .tracking, .coarseClock, .anyPort],
            [.ipv4, .gue, .tracking, .coarseClock, .fragments],
            [.ipv4, .ipv6, .l2, .access, .sourceIP, .tracking, .coarseClock],
        ]

        /// `tools/kernels` runs this before it boots them: there it would take a minute a program.
        @Test(arguments: PrebuiltProgram.allCases)
        func `the programs of this table compile for kernels of every age`(age: PrebuiltProgram) throws {
            let compiler = Compiler(cache: RepositoryRoot.objectCache)
            let folder = RepositoryRoot.path + "/bpf"
            for features in Self.smaller + [.all] {
                _ = try compiler.compile(
                    source: "\(folder)/steer.bpf.c", include: ["\(folder)/include"],
                    defines: features.intersection(age.features).defines)
            }
        }

        @Test func `a dry run says the same of each packet and leaves no trace`() throws {
            let stage = try Stage.whole(attached: [Fleet.second])
            for row in Row.all where try row.isAlone && row.isOfAnyInterface && row.applies(to: stage) {
                var judge = Judge(row, on: stage)
                try judge.runDry()
                report(judge)
            }
        }

        @Test func `every reason of the program has its row`() throws {
            // These have a test of their own beside the table.
            let elsewhere: Set = [
                REASON_RECORDED, REASON_PREVIOUS, REASON_CURRENT, REASON_NO_HEADROOM,
            ].map(\.rawValue).reduce(into: Set()) { $0.insert($1) }
            let shown = Set(Row.all.map(\.reason.rawValue)).union(elsewhere)
            for reason in 1..<REASON_COUNT.rawValue {
                #expect(shown.contains(reason), "no row shows \(ReasonName(reason))")
            }
        }

        @Test func `each row's name is its own`() {
            #expect(Set(Row.all.map(\.name)).count == Row.all.count)
            #expect(Row.all.count >= 110)
        }

        @discardableResult
        private func check(_ rows: [Row], on stage: Stage) throws -> Int {
            var count = 0
            for row in rows where try row.applies(to: stage) {
                var judge = Judge(row, on: stage)
                try judge.run()
                report(judge)
                count += 1
            }
            print("\(count) rows with \(stage.features)")
            return count
        }

        private func report(_ judge: Judge) {
            guard !judge.faults.isEmpty else { return }
            Issue.record("\(judge.row.name): \(judge.faults.joined(separator: "; "))")
        }
    }
}

extension Row {
    static let all =
        tcp + ipv4 + ipv6 + links + passed + malformed + sources + access + echo + errors + tooBig + fragments
}
