// SPDX-License-Identifier: MIT

import Foundation

/// The entries of a file with one JSON object per line, and the lines that hold none.
struct JournalLines<Entry: Decodable> {
  private(set) var entries: [(number: Int, entry: Entry)] = []
  private(set) var problems: [JournalProblem] = []
  private(set) var end = LineFileEnd()

  /// Reads every line that it can; damaged ones become ``problems``.
  init(parsing data: Data) {
    let decoder = RecordCoding.decoder()
    // Places of bytes in memory: splitting `Data` itself costs as much as decoding what it holds.
    let lines = data.withUnsafeBytes { bytes in
      bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        .map { $0.startIndex..<$0.endIndex }
    }
    for (index, place) in lines.enumerated() where !place.isEmpty {
      let line = data[(data.startIndex + place.lowerBound)..<(data.startIndex + place.upperBound)]
      let isLast = index == lines.count - 1
      switch Self.entry(from: line, decoder: decoder) {
      case .success(let entry):
        end.lacksFinalNewline = isLast
        entries.append((index + 1, entry))
      case .failure where isLast:
        end.cutBytes = line.count
        problems.append(.cutLine(number: index + 1, bytes: line.count))
      case .failure(let failure):
        problems.append(.malformedLine(number: index + 1, cause: failure.cause))
      }
    }
  }

  private struct LineFailure: Error {
    let cause: String
  }

  private static func entry(
    from line: Data, decoder: JSONDecoder
  ) -> Result<Entry, LineFailure> {
    do {
      if let objection = try decoder.decode(SchemaTag.self, from: line).objection {
        return .failure(LineFailure(cause: objection))
      }
      return .success(try decoder.decode(Entry.self, from: line))
    } catch {
      return .failure(LineFailure(cause: RecordCoding.explanation(of: error)))
    }
  }
}

/// How a file of lines ends, so that a writer can mend it.
struct LineFileEnd: Hashable {
  /// Bytes after the last line that is whole; a writer cuts them off.
  var cutBytes = 0
  /// Whether the last line is whole but has no newline.
  var lacksFinalNewline = false
}
