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
    var drawn: [MaskKey: Result<[AttentionSketch], any Error>] = [:]
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
      let sketches = drawn[key] ?? Self.sketches(entry, record: record)
      drawn[key] = sketches
      masks[record.caseID] = Self.source(sketches, record: record)
    }
  }

  /// Tokens of a mask that a page shows: more would not be seen.
  private static let maskTokens = 1024

  /// What a mask depends on: cases that share it need one picture.
  private struct MaskKey: Hashable {
    let mechanism: String
    let parameters: [String: String]
    let shape: AttentionShape?
    let seed: UInt64

    init(_ record: CaseRecord) {
      mechanism = record.mechanism.id
      parameters = record.mechanism.parameters
      shape = try? record.problem.shape.reduced(toTokens: ReportCatalogue.maskTokens)
      seed = record.problem.input.seed
    }
  }

  private static func sketches(
    _ entry: MechanismEntry, record: CaseRecord
  ) -> Result<[AttentionSketch], any Error> {
    let overrides = record.mechanism.parameters
    let shape = record.problem.shape
    return Result {
      let heads = try AttentionSketch.distinctHeads(entry, overrides: overrides, shape: shape)
      return try heads.prefix(maskHeads).map { head in
        try AttentionSketch(
          reducing: entry, overrides: overrides, shape: shape, head: head,
          seed: Seed(record.problem.input.seed), limit: maskTokens)
      }
    }
  }

  private static func source(
    _ sketches: Result<[AttentionSketch], any Error>, record: CaseRecord
  ) -> MaskSource {
    switch sketches {
    case .failure(let error): return .absent(reason: "\(error)")
    case .success(let sketches):
      guard !sketches.allSatisfy(\.map.isDense) else {
        return .absent(reason: "every query attends to every key")
      }
      let settings = (record.mechanism.given ?? [:]).sorted { $0.key < $1.key }
        .map { "\($0.key)=\($0.value)" }
      let shape = record.problem.shape
      return .pictures(
        sketches.map {
          MaskPicture(
            $0, id: record.mechanism.id, settings: settings,
            tokensOfCase: max(shape.queryLength, shape.keyLength))
        })
    }
  }

  /// Kinds of heads of one case that a page shows.
  private static let maskHeads = 3
}

extension MaskPicture {
  /// The picture of a sketch, titled with mechanism, settings and size.
  ///
  /// `tokensOfCase` are those of the case that the picture stands for.
  init(
    _ sketch: AttentionSketch, id: String, settings: [String], query: Int? = nil,
    tokensOfCase: Int? = nil
  ) {
    let shape = sketch.shape
    var size = shape.grid.map { "grid \($0)" } ?? "\(shape.queryLength) queries"
    if shape.keyLength != shape.queryLength { size += ", \(shape.keyLength) keys" }
    if shape.isCausal { size += ", causal" }
    let isReduced = (tokensOfCase ?? 0) > max(shape.queryLength, shape.keyLength)
    self.init(
      title: ([id] + settings).joined(separator: " ") + ", \(size)", map: sketch.map, query: query,
      note: sketch.note, tokensOfCase: isReduced ? tokensOfCase : nil)
  }
}
