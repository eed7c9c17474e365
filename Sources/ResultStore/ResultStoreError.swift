// SPDX-License-Identifier: MIT

/// A run folder, header or journal that cannot be used.
public enum ResultStoreError: Error, Hashable, Sendable {
  case badRunName(name: String, rule: String)
  case unreadable(file: String, cause: String)
  case unwritable(file: String, cause: String)
  case tooLarge(file: String, bytes: Int, limit: Int)
  case malformedHeader(file: String, cause: String)
  case missingHeader(run: String)
  case otherSuite(run: String, suite: String, requested: String)
  case changedSuite(run: String, suite: String)
  case otherSeed(run: String, seed: UInt64, requested: UInt64)
  case inUse(run: String, process: String)
  case notEncodable(caseID: String, cause: String)
}

extension ResultStoreError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .badRunName(let name, let rule):
      "'\(name)' cannot name a run: \(rule)"
    case .unreadable(let file, let cause):
      "'\(file)' cannot be read: \(cause)"
    case .unwritable(let file, let cause):
      "'\(file)' cannot be written: \(cause)"
    case .tooLarge(let file, let bytes, let limit):
      "'\(file)' has \(bytes) bytes; at most \(limit) are read"
    case .malformedHeader(let file, let cause):
      "'\(file)' is not the header of a run: \(cause)"
    case .missingHeader(let run):
      "run '\(run)' has a journal but no \(RunFolder.headerName), so its suite is unknown; "
        + "give the new run another name"
    case .otherSuite(let run, let suite, let requested):
      "run '\(run)' belongs to the suite '\(suite)', not to '\(requested)'; "
        + "give the new run another name"
    case .changedSuite(let run, let suite):
      "the suite '\(suite)' has changed since run '\(run)' began; "
        + "restore the suite to resume, or give the new run another name"
    case .otherSeed(let run, let seed, let requested):
      "run '\(run)' was made with seed \(seed), not \(requested); "
        + "resume with --seed \(seed), or give the new run another name"
    case .inUse(let run, let process):
      "another process (\(process)) writes to run '\(run)'; wait for it, or use another run name"
    case .notEncodable(let caseID, let cause):
      "the record of case '\(caseID)' cannot be written as JSON: \(cause)"
    }
  }
}
