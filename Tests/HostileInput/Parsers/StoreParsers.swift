// SPDX-License-Identifier: MIT

import AttentionCore
import Foundation
import Reporting
import ResultStore
import SuiteRunner

/// What the program has written itself and may find changed: journals, headers, references, names.
enum StoreParsers {
  static let journal = HostileParser(
    "journal", corpus: lines, shortCount: 300, generate: linesGrammar.changed
  ) { bytes in
    try refuse(JournalContents(parsing: Data(bytes)).problems)
  }

  /// Every text that is made from a journal.
  static let report = HostileParser(
    "report", corpus: lines, shortCount: 60, generate: linesGrammar.changed
  ) { bytes in
    let contents = JournalContents(parsing: Data(bytes))
    let report = Report(
      records: contents.records, header: nil, problems: contents.problems)
    for format in TextFormat.allCases { _ = try report.text(as: format) }
    try refuse(contents.problems)
  }

  static let header = HostileParser(
    "run-header", corpus: headers, shortCount: 500,
    generate: JSONGrammar(headers).changed
  ) { bytes in
    _ = try RunFolder.header(parsing: Data(bytes), file: "run.json")
  }

  /// The committed facts that the deterministic gate compares with.
  static let exact = HostileParser(
    "exact-reference", corpus: references, shortCount: 1_000,
    generate: JSONGrammar(references).changed
  ) { bytes in
    _ = try ExactReference(parsing: Data(bytes), file: "exact.json")
  }

  /// Names of runs, which become folders.
  static let name = HostileParser(
    "run-name",
    corpus: ["card-20260101-120000", "a.b_c-1", "..", "../x", "a/b", ""].map { Array($0.utf8) }
      + Corpus.kept("run-name")
  ) { bytes in
    let text = String(decoding: bytes, as: UTF8.self)
    let folder = try RunFolder(root: "/runs", name: text)
    let standard = URL(fileURLWithPath: folder.path).standardizedFileURL.path
    guard standard == "/runs/" + text, !text.contains("/"), text.utf8.allSatisfy({ $0 > 0x20 })
    else { throw HostileViolation(reason: "the run '\(text)' lies at '\(standard)'") }
  }

  private static let lines: [[UInt8]] = {
    let journals = Corpus.files(below: journalFolder, ending: "journal.jsonl")
    let records = journals.flatMap { $0.split(separator: UInt8(ascii: "\n")) }.map { Array($0) }
    let short = records.sorted { $0.count < $1.count }.prefix(3).map(JSONGrammar.shortened)
    return Corpus.kept("journal") + short
      + [Array(short.joined(separator: [UInt8(ascii: "\n")]))]
  }()

  private static let headers =
    Corpus.files(below: journalFolder, ending: "run.json").map(JSONGrammar.shortened)
    + Corpus.kept("run-header")

  private static let references =
    Corpus.kept("exact-reference") + [
      Array(
        """
        {"schema":"attnbench-exact/1","suite":"smoke","seed":1,"cases":{"flash@1x2x512x64/gaussian":{
        "counts":{"tilesVisited":27},"operations":{"float32":134217728},"relativeL2":4.5e-07,
        "allocations":{"value":0},"outputs":{"avx512, Swift 6":"00ff00ff00ff00ff"},
        "instructions":{"avx512":123456}}}}
        """.utf8)
    ]

  private static let journalFolder = "Results/reference/card/zen4-2c-avx512"

  private static let linesGrammar = JSONGrammar(lines)

  private static func refuse(_ problems: [JournalProblem]) throws {
    guard !problems.isEmpty else { return }
    // Programs print one line for each of the first few.
    throw JournalRefusal(description: problems.prefix(5).map(\.description).joined(separator: "\n"))
  }
}

/// The problems of a journal as one error.
private struct JournalRefusal: Error, CustomStringConvertible {
  let description: String
}

/// Something that no input may bring about.
struct HostileViolation: Error {
  let reason: String
}
