// SPDX-License-Identifier: MIT

import Foundation
import Measurement
import SuiteRunner

/// Takes rounds of a case in a child process of this program.
struct ChildTiming {
  let suitePath: String
  let seed: UInt64
  let threads: Int
  /// CPUs that this process was started with: a pool has since pinned the calling thread.
  let affinity: [Int]
  let cacheBytes: Int

  /// - Throws: ``ChildFailure`` if the child was killed or says something else than times.
  func measure(_ item: CaseSpecification, process: Int) throws -> InterleavedTiming {
    let outcome = SystemTools().run(
      ThisProgram.path,
      [
        "timing-worker", suitePath, "--case", item.id, "--process", "\(process)", "--seed",
        "\(seed)", "--threads", "\(threads)", "--cpus",
        affinity.map(String.init).joined(separator: ","), "--cache-bytes", "\(cacheBytes)",
      ], environment: nil)
    if let failure = outcome.failure {
      throw ChildFailure(process: process, reason: failure)
    }
    do {
      return try JSONDecoder().decode(InterleavedTiming.self, from: Data(outcome.output.utf8))
    } catch {
      throw ChildFailure(process: process, reason: "its answer is no timing")
    }
  }
}

/// A timing process that brought no times.
struct ChildFailure: Error, CustomStringConvertible {
  let process: Int
  let reason: String

  var description: String {
    "timing process \(process + 1) brought no times: \(reason); run the case again"
  }
}
