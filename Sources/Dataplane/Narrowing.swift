// SPDX-License-Identifier: Apache-2.0

import BPF
import Dispatch

/// Makes a program that can do just what is needed: compiling and verifying it takes long, and no change waits for it.
struct Narrowing: Sendable {
    let wanted: Features
    let running: LoadedProgram
    let source: ProgramSource
    let loader: Loader

    struct Outcome: Sendable {
        /// Nil where the one that runs stays.
        let program: LoadedProgram?
        /// Why it is not the one that was asked for.
        let note: String?
    }

    /// Blocks while the compiler runs.
    func outcome() -> Outcome {
        do {
            let object = try source.object(with: wanted)
            guard !running.isMade(of: object), !object.isPrebuilt || running.isPrebuilt else {
                return Outcome(program: nil, note: object.note)
            }
            return Outcome(program: try loader.load(object), note: object.note)
        } catch {
            return Outcome(program: nil, note: "the program stays as it is: \(error)")
        }
    }

    /// On a thread of its own: a host of one CPU has one for all tasks.
    func outcome() async -> Outcome {
        await withCheckedContinuation { continuation in
            DispatchQueue.global(qos: .utility).async { continuation.resume(returning: outcome()) }
        }
    }
}
