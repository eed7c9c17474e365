// SPDX-License-Identifier: MIT

import Foundation
import Reporting
import ResultStore

/// Ids and names of cases, mechanisms and inputs, which stand in every text that is made of a record.
enum NameParsers {
  static let name = HostileParser(
    "case-name",
    corpus: [
      "flash@1x2x512x64/gaussian", "a|b", "`touch OWNED`", "<script>alert(1)</script>",
      "\\input{/etc/passwd}", "=cmd()", "[x](http://example.org)", "$x_{1}^2 & 50% ~", "../../x",
      "line\nbreak", "\u{202E}reversed", "\u{1B}[2J", "\u{0}nul", "",
    ].map { Array($0.utf8) } + Corpus.kept("case-name"),
    vocabulary: ["\\", "{", "}", "<", ">", "|", "`", "\r\n", "\u{2028}", "\"", "'", "&", "#"],
    shortCount: 300, maximumBytes: 512
  ) { bytes in
    guard var record else { throw HostileViolation(reason: "there is no record to name") }
    guard let name = String(validating: bytes, as: UTF8.self) else { throw NotText() }
    record.caseID = name
    record.mechanism.id = name
    record.mechanism.parameters = [name: name]
    record.mechanism.given = [name: name]
    record.problem.input.kind = name
    record.suite = name
    record.command = name
    let report = Report(records: [record], header: nil)
    try check(report.text(as: .latex), of: report.text(as: .csv))
  }

  private struct NotText: Error, CustomStringConvertible {
    let description = "a name is UTF-8"
  }

  private static let record: CaseRecord? = Corpus.files(
    below: "Results/reference/card/zen4-2c-avx512", ending: "journal.jsonl"
  ).flatMap { JournalContents(parsing: Data($0)).records }.first { $0.mechanism.id == "flash" }

  /// LaTeX that runs no command of a name, and a table whose rows are as many as the records.
  private static func check(_ latex: String, of table: String) throws {
    let foreign = latex.unicodeScalars.first { !$0.isASCII || $0.value < 0x20 && $0 != "\n" }
    if let foreign {
      throw HostileViolation(reason: "LaTeX holds U+\(String(foreign.value, radix: 16))")
    }
    for command in ["\\input", "\\write", "\\immediate", "\\catcode"] where latex.contains(command)
    {
      throw HostileViolation(reason: "LaTeX holds \(command)")
    }
    let lines = table.split(separator: "\n", omittingEmptySubsequences: true)
    guard lines.count == 2, !lines[1].hasPrefix("=") else {
      throw HostileViolation(reason: "the table of one record has \(lines.count) lines")
    }
  }
}
