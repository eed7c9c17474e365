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
  /// A list of counters names something that no source has.
  case unknownCounter(name: String, nearest: String?, known: [String])
  /// `none` stands among other counters.
  case mixedNone(String)
  /// A formula cannot be read; `position` counts characters from 1.
  case badFormula(String, position: Int, problem: FormulaProblem)
  /// There is no metric of that name.
  case unknownMetric(name: String, nearest: String?)
}

/// What is wrong in a formula of the metric file.
public enum FormulaProblem: Hashable, Sendable {
  case unexpected(String)
  case ended
  case unknownName(String, nearest: String?)
  case tooDeep(limit: Int)
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
    case .unknownCounter(let name, let nearest, let known):
      "there is no counter or source '\(name)'"
        + (nearest.map { "; did you mean '\($0)'?" } ?? "; known: \(known.joined(separator: ", "))")
    case .mixedNone(let text):
      "'none' stands among other counters in '\(text)'; give it alone"
    case .badFormula(let formula, let position, let problem):
      "in '\(formula)' at character \(position): \(problem)"
    case .unknownMetric(let name, let nearest):
      "there is no metric '\(name)'" + (nearest.map { "; did you mean '\($0)'?" } ?? "")
    }
  }
}

extension FormulaProblem: CustomStringConvertible {
  public var description: String {
    switch self {
    case .unexpected(let text): "'\(text)' is not expected here"
    case .ended: "the formula ends where a number, a name or '(' is expected"
    case .unknownName(let name, let nearest):
      "nothing is called '\(name)'"
        + (nearest.map { "; did you mean '\($0)'?" }
          ?? "; `attnbench list metrics` shows every name")
    case .tooDeep(let limit): "parentheses are nested more than \(limit) deep"
    }
  }
}
