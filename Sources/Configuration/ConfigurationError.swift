// SPDX-License-Identifier: MIT

/// A line and column of a configuration file, both counted from 1.
public struct ConfigurationPlace: Hashable, Sendable {
  public let file: String
  public let line: Int
  /// Counted in Unicode scalars.
  public let column: Int

  public init(file: String, line: Int, column: Int) {
    self.file = file
    self.line = line
    self.column = column
  }
}

/// One thing that is wrong in a configuration file.
public struct ConfigurationError: Hashable, Sendable {
  public let place: ConfigurationPlace
  /// The key whose value is wrong, such as `window` or `cases[2]`; empty for the whole document.
  public let name: String
  public let problem: ConfigurationProblem
}

/// All that is known to be wrong in a configuration file; the only error that readers throw.
public struct ConfigurationFailure: Error, Hashable, Sendable {
  /// In the order in which they were found; never empty.
  public let errors: [ConfigurationError]
  /// Further errors, found and left out.
  public let omittedCount: Int
}

/// What may be wrong with a document, a node or a value.
public enum ConfigurationProblem: Hashable, Sendable {
  // The document.
  case unreadable(reason: String)
  case notUTF8
  case tooLarge(limit: Int)
  case emptyDocument
  case severalDocuments
  case invalidYAML(reason: String)
  case tooManyValues(limit: Int)
  case tooDeep(limit: Int)
  case tooManyExplicitKeys(limit: Int)
  case aliasInKey
  case mergeKey
  case unsupportedTag(String)

  // Mappings and lists.
  case keyIsNotText
  case duplicateKey(String)
  case unknownKey(String, known: [String])
  case missingKey(String)
  case wrongKind(expected: ConfigurationKind, found: ConfigurationKind)
  case wrongCount(Int, allowed: ClosedRange<Int>)

  // Values.
  case quoted(String, expected: String)
  case notAnInteger(String)
  case integerOutOfRange(String, allowed: ClosedRange<Int>)
  case notANumber(String)
  case numberOutOfRange(String, allowed: ClosedRange<Double>, unit: String)
  case notABoolean(String)
  case notExtents(String)
  case unknownChoice(String, choices: [String])

  // Units.
  case missingUnit(String, dimension: UnitDimension)
  case unexpectedUnit(String, unit: String)
  case unknownUnit(String, dimension: UnitDimension)
  case wrongDimension(String, expected: UnitDimension, found: UnitDimension)
  case notWholeBytes(String)

  /// A rule of the reader's own, in its own words.
  case custom(String)
}

/// The kinds of YAML nodes.
public enum ConfigurationKind: String, Hashable, Sendable {
  case value, list, mapping
  /// A key without a value, or `null`.
  case nothing
}

extension ConfigurationFailure {
  init(_ error: ConfigurationError) {
    errors = [error]
    omittedCount = 0
  }
}

/// Collects the errors of one file, so that a user can mend several at once.
///
/// ```swift
/// var issues = ConfigurationIssues()
/// let name = issues.collect { try root.required("suite").string() }
/// let seed = issues.collect { try root.required("seed").integer(in: 0...Int.max) }
/// try issues.throwIfAny()
/// ```
public struct ConfigurationIssues: Sendable {
  /// Errors that are kept; further ones are counted.
  public static let limit = 20

  public private(set) var errors: [ConfigurationError] = []
  public private(set) var omittedCount = 0

  public init() {}

  /// What `body` returns, or `nil` after keeping what it throws.
  public mutating func collect<Value>(
    _ body: () throws(ConfigurationFailure) -> Value
  ) -> Value? {
    do {
      return try body()
    } catch {
      add(error)
      return nil
    }
  }

  /// Keeps the errors of `failure`.
  public mutating func add(_ failure: ConfigurationFailure) {
    let kept = failure.errors.prefix(Self.limit - errors.count)
    errors += kept
    omittedCount += failure.errors.count - kept.count + failure.omittedCount
  }

  /// - Throws: ``ConfigurationFailure`` with all kept errors, if there are any.
  public func throwIfAny() throws(ConfigurationFailure) {
    guard errors.isEmpty else {
      throw ConfigurationFailure(errors: errors, omittedCount: omittedCount)
    }
  }
}
