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
  case noHistory(file: String)
  case notAHistory(file: String, cause: String)
  case damagedHistory(file: String, cause: String)
  /// `steps` are the changes of its layout that this program does not know.
  case newerHistory(file: String, steps: [String])
  case historyInUse(file: String, process: String)
  case historyFailed(file: String, cause: String)
  /// A rebuild that would drop `records` records of `runs`, whose journals are gone.
  case wouldLose(file: String, runs: [String], records: Int)
  case unknownAnnotation(id: String, known: [String])

  /// Whether the caller named a thing that cannot be used, rather than the work having failed.
  public var isBadInput: Bool {
    switch self {
    case .noHistory, .notAHistory, .newerHistory, .wouldLose, .unknownAnnotation: true
    default: false
    }
  }
}

extension ResultStoreError: CustomStringConvertible {
  /// The start of a text that a message repeats, on one line.
  private static func quoted(_ text: String) -> String {
    let start = text.prefix(120)
    let line = String(start.map { $0.isNewline ? " " : $0 })
    return start.endIndex == text.endIndex ? line : line + "..."
  }

  public var description: String {
    switch self {
    case .badRunName(let name, let rule):
      "'\(Self.quoted(name))' cannot name a run: \(rule)"
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
    case .noHistory, .notAHistory, .damagedHistory, .newerHistory, .historyInUse, .historyFailed,
      .wouldLose, .unknownAnnotation:
      historyDescription
    }
  }

  private var historyDescription: String {
    switch self {
    case .noHistory(let file):
      "there is no history at '\(file)'; `attnbench history import` makes one from the runs "
        + "beside it, --database names another"
    case .notAHistory(let file, let cause):
      "'\(file)' is not a history: \(cause); give another --database. If it was one, delete it and "
        + "use `attnbench history rebuild`"
    case .damagedHistory(let file, let cause):
      "the history '\(file)' is damaged (\(cause)); the journals hold everything in it: "
        + "`attnbench history rebuild` makes it anew"
    case .newerHistory(let file, let steps):
      "the history '\(file)' is of a newer version of attnbench "
        + "(it has \(steps.map { "'\($0)'" }.joined(separator: ", "))); nothing was changed. Use that "
        + "version, or keep a history of this one with --database OTHER.sqlite"
    case .historyInUse(let file, let process):
      "another process (\(process)) still writes to the history '\(file)'; nothing was changed, "
        + "try again when it has ended"
    case .historyFailed(let file, let cause):
      "the history '\(file)' cannot be used: \(cause). The journals are untouched; "
        + "repeat the command when this is mended"
    case .wouldLose(let file, let runs, let records):
      "the journals of \(records) records in '\(file)' are gone (runs \(Self.list(runs))), so a "
        + "rebuild would lose them; nothing was changed. Give the folders where their journals are "
        + "now, or --discard-missing"
    case .unknownAnnotation(let id, let known):
      known.isEmpty
        ? "there is no annotation '\(id)'; there are none at all"
        : "there is no annotation '\(id)'; there are \(Self.list(known))"
    default: ""
    }
  }

  private static func list(_ names: [String]) -> String {
    let shown = names.prefix(5).joined(separator: ", ")
    return names.count > 5 ? "\(shown) and \(names.count - 5) more" : shown
  }
}
