// SPDX-License-Identifier: MIT

/// Why something could not be measured.
public enum MeasurementError: Error, Hashable, Sendable {
  /// There is nothing to time.
  case noAlternatives
  /// Two alternatives of one group share a name.
  case duplicateAlternative(name: String)
  /// A comparison names an alternative that is not in its group.
  case unknownAlternative(name: String, known: [String])
  /// The closure takes too little time for any number of calls up to `calls`.
  case blockTooShort(name: String, calls: Int)
  /// The CPU or the operating system lacks the instructions of a loop.
  case unsupportedInstructions(RoofInstructions)
  /// A pinned thread could not be created; `code` is the system's error number.
  case threadsRefused(threads: Int, code: Int32)
  /// The operating system gave no memory for the bandwidth buffers.
  case outOfMemory(bytes: Int)
  /// PAPI refused to register a software-defined event.
  case eventRefused(name: String, code: Int32)
}

extension MeasurementError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .noAlternatives:
      "there is nothing to time; give at least one alternative"
    case .duplicateAlternative(let name):
      "two alternatives are called '\(name)'; give each its own name"
    case .unknownAlternative(let name, let known):
      "'\(name)' is not among the timed alternatives: \(known.joined(separator: ", "))"
    case .blockTooShort(let name, let calls):
      "\(calls) calls of '\(name)' took no measurable time; does its result get used?"
    case .unsupportedInstructions(let instructions):
      "this CPU cannot run \(instructions.rawValue) loops; choose instructions from its fingerprint"
    case .threadsRefused(let threads, let code):
      "\(threads) pinned threads could not be started (errno \(code)); allow more CPUs or threads"
    case .outOfMemory(let bytes):
      "no memory for bandwidth buffers of \(bytes) bytes; free some and probe again"
    case .eventRefused(let name, let code):
      "PAPI refused the software event '\(name)' (code \(code)); register each name once"
    }
  }
}
