// SPDX-License-Identifier: MIT

extension ConfigurationPlace: CustomStringConvertible {
  public var description: String { "\(file):\(line):\(column)" }
}

extension ConfigurationFailure: CustomStringConvertible {
  /// One line for each error.
  public var description: String {
    let lines = errors.map(\.description)
    let rest = omittedCount == 0 ? [] : ["and \(omittedCount) more errors"]
    return (lines + rest).joined(separator: "\n")
  }
}

extension ConfigurationError: CustomStringConvertible {
  public var description: String {
    name.isEmpty ? "\(place): \(problem)" : "\(place): \(name): \(problem)"
  }
}

extension ConfigurationProblem: CustomStringConvertible {
  public var description: String {
    documentSentence ?? collectionSentence ?? valueSentence ?? unitSentence ?? "cannot be used"
  }

  private var documentSentence: String? {
    switch self {
    case .unreadable(let reason):
      "cannot be read: \(reason)"
    case .notUTF8:
      "is not UTF-8 text; save it as UTF-8"
    case .tooLarge(let limit):
      "is longer than \(limit) bytes; split it into several files"
    case .emptyDocument:
      "the document is empty; write keys and values"
    case .severalDocuments:
      "a second document begins here; write one document to a file"
    case .invalidYAML(let reason):
      "not valid YAML: \(reason)"
    case .tooManyValues(let limit):
      "holds more than \(limit) values with its aliases written out; use fewer aliases"
    case .tooDeep(let limit):
      "is nested deeper than \(limit) levels; flatten it"
    case .tooManyExplicitKeys(let limit):
      "more than \(limit) question marks stand where a key may begin; write keys as words"
    case .aliasInKey:
      "an alias stands in a key; write the key out"
    case .mergeKey:
      "merge keys ('<<') are not supported; write the keys out"
    case .unsupportedTag(let tag):
      "the tag '\(shown(tag))' is not supported; remove it"
    case .custom(let message):
      message
    default: nil
    }
  }

  private var collectionSentence: String? {
    switch self {
    case .keyIsNotText:
      "a key is a list or a mapping; keys are words"
    case .duplicateKey(let key):
      "'\(shown(key))' is written twice in this mapping, first here; keep one"
    case .unknownKey(let key, let known):
      "'\(shown(key))' is not a key here"
        + (EditDistance.nearest(to: key, among: known).map { "; did you mean '\($0)'?" }
          ?? (known.isEmpty ? "; no keys are" : "; the keys are \(list(known))"))
    case .missingKey(let key):
      "the key '\(key)' is missing; add it"
    case .wrongKind(let expected, .nothing):
      "is empty; write \(expected.phrase) or remove the key"
    case .wrongKind(let expected, let found):
      "is \(found.phrase); write \(expected.phrase)"
    case .wrongCount(let count, let allowed):
      "has \(count) elements; \(phrase(allowed)) are allowed"
    default: nil
    }
  }

  private var valueSentence: String? {
    switch self {
    case .quoted(let text, let expected):
      "\"\(shown(text))\" is text in quotes; write \(expected) without quotes"
    case .notAnInteger(let text):
      "'\(shown(text))' is not an integer; write digits, such as 4096"
    case .integerOutOfRange(let text, let allowed):
      "\(shown(text)) is out of range; \(phrase(allowed)) is allowed"
    case .notANumber(let text):
      "'\(shown(text))' is not a number; write it like 0.25 or 1e-3"
    case .numberOutOfRange(let text, let allowed, let unit):
      "\(shown(text)) is out of range; \(phrase(allowed, unit: unit)) is allowed"
    case .notABoolean(let text):
      "'\(shown(text))' is neither true nor false"
    case .notExtents(let text):
      "'\(shown(text))' is not a list of extents; write positive integers like 30x48x80"
    case .unknownChoice(let text, let choices):
      "'\(shown(text))' is not one of \(list(choices))"
        + (EditDistance.nearest(to: text, among: choices).map { "; did you mean '\($0)'?" } ?? "")
    default: nil
    }
  }

  private var unitSentence: String? {
    switch self {
    case .missingUnit(let text, let dimension):
      "\(shown(text)) has no unit; write \(dimension.name), such as \(dimension.example)"
    case .unexpectedUnit(let text, let unit):
      "'\(shown(text))' has the unit '\(shown(unit))'; write a number without a unit"
    case .unknownUnit(let unit, let dimension):
      "'\(shown(unit))' is not a unit"
        + (Unit.nearest(to: unit, of: dimension).map { "; did you mean '\($0)'?" }
          ?? "; write \(dimension.name), such as \(dimension.example)")
    case .wrongDimension(let text, let expected, let found):
      "'\(shown(text))' is \(found.name); write \(expected.name), such as \(expected.example)"
    case .notWholeBytes(let text):
      "'\(shown(text))' is not a whole number of bytes below 2^63"
    default: nil
    }
  }
}

extension ConfigurationKind {
  fileprivate var phrase: String {
    switch self {
    case .value: "a single value"
    case .list: "a list"
    case .mapping: "a mapping of keys to values"
    case .nothing: "nothing"
    }
  }
}

/// The text on one line, cut where it would fill the screen.
private func shown(_ text: String) -> String {
  let line = String(
    String.UnicodeScalarView(
      text.unicodeScalars.prefix(60).map { $0.properties.generalCategory == .control ? " " : $0 }))
  return text.unicodeScalars.count > 60 ? line + "..." : line
}

private func list(_ names: [String]) -> String {
  names.count <= 24
    ? names.joined(separator: ", ")
    : names.prefix(24).joined(separator: ", ") + " and \(names.count - 24) more"
}

private func phrase(_ range: ClosedRange<Int>) -> String {
  switch (range.lowerBound, range.upperBound) {
  case (let low, let high) where low == high: "\(low)"
  case (Int.min, let high): "\(high) or less"
  case (let low, Int.max): "\(low) or more"
  case (let low, let high): "\(low) to \(high)"
  }
}

private func phrase(_ range: ClosedRange<Double>, unit: String) -> String {
  let suffix = unit.isEmpty ? "" : " \(unit)"
  return switch (range.lowerBound.isFinite, range.upperBound.isFinite) {
  case (true, true): "\(range.lowerBound) to \(range.upperBound)\(suffix)"
  case (true, false): "\(range.lowerBound)\(suffix) or more"
  case (false, true): "\(range.upperBound)\(suffix) or less"
  case (false, false): "any finite number"
  }
}
