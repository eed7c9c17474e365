// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionMechanisms
import Reporting
import ResultStore
import SuiteRunner

extension ReportCatalogue {
  /// What this program knows about the mechanisms of `records`, and the masks of their settings.
  init(_ records: [CaseRecord]) {
    self.init()
    var drawn: [MaskKey: MaskSource] = [:]
    for record in records {
      guard let entry = MechanismCatalogue.entries.first(where: { $0.id == record.mechanism.id })
      else { continue }
      facts[entry.id] = MechanismFacts(
        card: entry.card,
        parameters: entry.parameters.map {
          MechanismFacts.Parameter(
            name: $0.name, defaultText: $0.defaultText, meaning: $0.meaning)
        })
      let key = MaskKey(record)
      let source = drawn[key] ?? Self.mask(entry, record: record)
      drawn[key] = source
      masks[record.caseID] = source
    }
  }

  /// Tokens of a mask that a page shows: more would not be seen.
  private static let maskTokens = 1024

  /// What a mask depends on: cases that share it need one picture.
  private struct MaskKey: Hashable {
    let mechanism: String
    let parameters: [String: String]
    let causality: Causality
    let queryLength: Int
    let keyLength: Int
    let grid: Extents?
    let heads: Int

    init(_ record: CaseRecord) {
      let shape = record.problem.shape
      mechanism = record.mechanism.id
      parameters = record.mechanism.parameters
      causality = shape.causality
      queryLength = shape.queryLength
      keyLength = shape.keyLength
      grid = shape.grid
      heads = shape.queryHeads
    }
  }

  private static func mask(_ entry: MechanismEntry, record: CaseRecord) -> MaskSource {
    let overrides = record.mechanism.parameters
    let shape = record.problem.shape
    do {
      let heads = try AttentionSketch.distinctHeads(entry, overrides: overrides, shape: shape)
      let sketches = try heads.prefix(maskHeads).map { head in
        try AttentionSketch(
          reducing: entry, overrides: overrides, shape: shape, head: head,
          seed: Seed(record.problem.input.seed), limit: maskTokens)
      }
      guard !sketches.allSatisfy(\.map.isDense) else {
        return .absent(reason: "every query attends to every key")
      }
      let settings = (record.mechanism.given ?? [:]).sorted { $0.key < $1.key }
        .map { "\($0.key)=\($0.value)" }
      let tokens = max(shape.queryLength, shape.keyLength)
      return .pictures(
        sketches.map {
          MaskPicture($0, id: entry.id, settings: settings, tokensOfCase: tokens)
        })
    } catch {
      return .absent(reason: "\(error)")
    }
  }

  /// Kinds of heads of one case that a page shows.
  private static let maskHeads = 3
}

extension MaskPicture {
  /// The picture of a sketch, titled with mechanism, settings and size.
  ///
  /// Where a case has more tokens than the sketch, the picture says so.
  init(
    _ sketch: AttentionSketch, id: String, settings: [String], query: Int? = nil,
    tokensOfCase: Int? = nil
  ) {
    let shape = sketch.shape
    var size = shape.grid.map { "grid \($0)" } ?? "\(shape.queryLength) queries"
    if shape.keyLength != shape.queryLength { size += ", \(shape.keyLength) keys" }
    if shape.isCausal { size += ", causal" }
    var notes = [sketch.note].compactMap { $0 }
    if let tokensOfCase, tokensOfCase > max(shape.queryLength, shape.keyLength) {
      notes.append("drawn smaller: the case has \(tokensOfCase) tokens")
    }
    self.init(
      title: ([id] + settings).joined(separator: " ") + ", \(size)", map: sketch.map, query: query,
      note: notes.isEmpty ? nil : notes.joined(separator: "; "))
  }
}
