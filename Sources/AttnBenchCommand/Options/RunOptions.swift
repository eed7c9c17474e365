// SPDX-License-Identifier: MIT

import ArgumentParser
import AttentionEngines
import Foundation
import Measurement

/// Threads and kernel table of a run.
struct KernelOptions: ParsableArguments {
  @Option(help: "Worker threads; default is every CPU that this process may use.")
  var threads: Int?

  func context() throws -> ExecutionContext {
    let count = threads ?? Affinity.current.count
    guard (1...1024).contains(count) else {
      throw Refusal.usage("--threads \(count): give 1 to 1024")
    }
    return ExecutionContext(kernels: try Self.kernels(), pool: WorkerPool(threads: count))
  }

  /// The strongest table of this CPU, or the one that ATTNBENCH_ISA names.
  static func kernels() throws -> KernelTable {
    let available = KernelTable.available
    guard let name = ProcessInfo.processInfo.environment["ATTNBENCH_ISA"] else {
      guard let best = available.last else {
        throw Refusal(message: "this CPU has no kernel table", code: 1)
      }
      return best
    }
    guard let table = available.first(where: { $0.instructionSet.rawValue == name }) else {
      let names = available.map(\.instructionSet.rawValue).joined(separator: ", ")
      throw Refusal.usage("ATTNBENCH_ISA=\(name): this CPU has \(names)")
    }
    return table
  }
}
