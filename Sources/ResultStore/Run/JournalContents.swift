// SPDX-License-Identifier: MIT

import Foundation

/// The records of a journal, one per case, and the lines that could not be used.
public struct JournalContents: Hashable, Sendable {
  /// One record per case id: the last one written, at the place of the first.
  public var records: [CaseRecord] = []
  public var problems: [JournalProblem] = []
  /// Records that a later record of the same case replaced.
  public var replaced = 0
  /// Bytes after the last line that is whole; a writer cuts them off.
  var cutBytes = 0
  /// Whether the last line is whole but has no newline.
  var lacksFinalNewline = false

  /// Cases that a resumed run need not repeat.
  public var finishedCaseIDs: Set<String> { Set(records.map(\.caseID)) }

  init() {}

  /// The contents of a journal's bytes; damaged lines become ``problems``.
  public init(parsing data: Data) {
    var places: [String: Int] = [:]
    let decoder = RecordCoding.decoder()
    let lines = data.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    for (index, line) in lines.enumerated() where !line.isEmpty {
      let isLast = index == lines.count - 1
      switch Self.record(from: line, decoder: decoder) {
      case .success(let record):
        lacksFinalNewline = isLast
        if let place = places[record.caseID] {
          records[place] = record
          replaced += 1
        } else {
          places[record.caseID] = records.count
          records.append(record)
        }
      case .failure where isLast:
        cutBytes = line.count
        problems.append(.cutLine(number: index + 1, bytes: line.count))
      case .failure(let failure):
        problems.append(.malformedLine(number: index + 1, cause: failure.cause))
      }
    }
  }

  private struct LineFailure: Error {
    let cause: String
  }

  private static func record(
    from line: Data, decoder: JSONDecoder
  ) -> Result<CaseRecord, LineFailure> {
    do {
      if let objection = try decoder.decode(SchemaTag.self, from: line).objection {
        return .failure(LineFailure(cause: objection))
      }
      return .success(try decoder.decode(CaseRecord.self, from: line))
    } catch {
      return .failure(LineFailure(cause: RecordCoding.explanation(of: error)))
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
