// SPDX-License-Identifier: MIT

import Foundation

/// The records of a journal, one per case, and the lines that could not be used.
public struct JournalContents: Hashable, Sendable {
  /// One record per case id: the last one written, at the place of the first.
  public var records: [CaseRecord] = []
  public var problems: [JournalProblem] = []
  /// Records that a later record of the same case replaced.
  public var replaced = 0
  /// The line of the journal that holds each record of ``records``, from 1.
  public private(set) var lineNumbers: [Int] = []
  var end = LineFileEnd()

  /// Cases that a resumed run need not repeat.
  public var finishedCaseIDs: Set<String> { Set(records.map(\.caseID)) }

  init() {}

  /// The contents of a journal's bytes; damaged lines become ``problems``.
  public init(parsing data: Data) {
    let lines = JournalLines<CaseRecord>(parsing: data)
    problems = lines.problems
    end = lines.end
    var places: [String: Int] = [:]
    for (number, record) in lines.entries {
      if let place = places[record.caseID] {
        records[place] = record
        lineNumbers[place] = number
        replaced += 1
      } else {
        places[record.caseID] = records.count
        records.append(record)
        lineNumbers.append(number)
      }
    }
  }
}

/// A line of a journal that holds no usable record.
public enum JournalProblem: Hashable, Sendable {
  /// The last line ends before its record does, as after a power failure.
  case cutLine(number: Int, bytes: Int)
  case malformedLine(number: Int, cause: String)
}

extension JournalProblem: CustomStringConvertible {
  public var description: String {
    switch self {
    case .cutLine(let number, let bytes):
      "line \(number) of the journal was cut off after \(bytes) bytes; its case counts as not run"
    case .malformedLine(let number, let cause):
      "line \(number) of the journal holds no record (\(cause)); the other lines were kept"
    }
  }
}
