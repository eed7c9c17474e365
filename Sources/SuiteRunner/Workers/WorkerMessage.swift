// SPDX-License-Identifier: MIT

import AttentionCore
import ResultStore

/// The language between a comparison and the processes that it times: one JSON object per line.
///
/// Two builds of this program take part, perhaps months apart, so a worker says first which version
/// it speaks, and messages name a case by its content and not by a suite file.
public enum WorkerProtocol {
  public static let version = "attnbench-worker/1"

  /// Longest line that is waited for [byte]: a record with all its samples takes far less.
  static let longestLine = 64 << 20
}

/// What a worker is asked to do.
public enum WorkerRequest: Codable, Hashable, Sendable {
  /// Make a case ready to be timed; with `verify` check its results and work first.
  case prepare(item: WorkerCase, verify: Bool)
  /// Time one block of calls of the prepared case.
  case time(what: TimedThing, calls: Int, slowdown: Double)
  case quit
}

/// What of a prepared case is timed.
public enum TimedThing: String, Codable, Hashable, Sendable, CaseIterable {
  case mechanism
  /// Dense attention in Float32 at the same sizes.
  case flash
  /// A billion Float32 operations at the multiply-add peak of all workers, as it is now.
  case peak
}

/// A case as a worker needs it.
public struct WorkerCase: Codable, Hashable, Sendable {
  public var suite: String
  public var caseID: String
  public var mechanism: String
  public var parameters: [String: String]
  public var shape: AttentionShape
  public var seed: UInt64
  public var input: WorkerInput
  /// Nil in requests of builds that knew warm caches alone.
  public var cache: CacheMode?
  /// The command that repeats this case.
  public var command: String

  /// A case of a suite with the seed of its run.
  public init(_ item: CaseSpecification, suite: String, seed: Seed, command: String) {
    self.suite = suite
    caseID = item.id
    mechanism = item.mechanismID
    parameters = item.overrides
    shape = item.shape
    self.seed = seed.value
    input = WorkerInput(item.input)
    cache = item.cache
    self.command = command
  }
}

/// Where a worker takes tensors from.
public enum WorkerInput: Codable, Hashable, Sendable {
  /// The name of a generated input.
  case generated(name: String)
  case captured(path: String, names: [String])
  /// Tensors of several files or of another layout, which builds before this form refuse.
  case tensors(paths: [String], names: [String?], layout: String)

  init(_ input: InputSpecification) {
    switch input {
    case .generated(let form): self = .generated(name: form.rawValue)
    case .captured(let file):
      let (paths, names) = (file.tensors.map(\.path), file.tensors.map(\.name))
      let given = names.compactMap { $0 }
      if Set(paths).count == 1, given.count == paths.count, file.layout == .batchHeadsTokens {
        self = .captured(path: paths[0], names: given)
      } else {
        self = .tensors(paths: paths, names: names, layout: file.layout.rawValue)
      }
    }
  }
}

/// What a worker answers.
public enum WorkerReply: Codable, Hashable, Sendable {
  /// The first line of every worker.
  case hello(version: String, threads: Int, kernelTable: String)
  /// The case can be timed; the record is there if it was to be verified.
  case ready(record: CaseRecord?)
  /// The case cannot be timed here; the record says how far it came.
  case refused(refusal: WorkerRefusal, record: CaseRecord?)
  case sample(WorkerSample)
}

/// Why a worker does not time a case.
public enum WorkerRefusal: Codable, Hashable, Sendable, Error {
  /// It does not fit into memory.
  case skipped(reason: String)
  /// This build does not know the mechanism, a parameter or the input.
  case unsupported(reason: String)
  /// Its results or its counted work are wrong.
  case failed(reason: String)
}

/// One timed block.
public struct WorkerSample: Codable, Hashable, Sendable {
  public var nanosecondsPerCall: Double
  /// Whether more context switches or stolen time fell into the block than on a quiet machine.
  public var isDisturbed: Bool

  public init(nanosecondsPerCall: Double, isDisturbed: Bool) {
    self.nanosecondsPerCall = nanosecondsPerCall
    self.isDisturbed = isDisturbed
  }
}
