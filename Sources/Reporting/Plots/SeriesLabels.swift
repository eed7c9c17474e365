// SPDX-License-Identifier: MIT

import ResultStore

/// Short names for lines, such as `neighborhood window=256 causal`: the mechanism, the parameters
/// that were given, and as many traits of the problem as tell its lines apart.
struct SeriesLabels {
  private let varyingParameters: [String: Set<String>]
  /// Names of the traits that are shown, by mechanism and parameters.
  private var shownTraits: [String: Set<String>] = [:]

  init(_ records: [CaseRecord]) {
    varyingParameters = Dictionary(grouping: records, by: \.mechanism.id).mapValues { group in
      Set(group.flatMap { $0.shownParameters.keys }).filter { name in
        Set(group.map { $0.shownParameters[name] }).count > 1
      }
    }
    for (stem, group) in Dictionary(grouping: records, by: { stem(of: $0) }) {
      shownTraits[stem] = Self.distinctive(group.map(Self.traits))
    }
  }

  func label(of record: CaseRecord) -> String {
    let stem = stem(of: record)
    let traits = Self.traits(record).filter { shownTraits[stem]?.contains($0.name) ?? false }
    return ([stem] + traits.map(\.text)).filter { !$0.isEmpty }.joined(separator: " ")
  }

  /// Mechanism and parameters: all that a suite gave; of parameters written out, what differs.
  private func stem(of record: CaseRecord) -> String {
    let id = record.mechanism.id
    let shown = record.shownParameters
    let names = record.mechanism.given == nil ? varyingParameters[id] ?? [] : Set(shown.keys)
    return ([id] + names.sorted().compactMap { name in shown[name].map { "\(name)=\($0)" } })
      .joined(separator: " ")
  }

  private typealias Trait = (name: String, text: String)

  /// Traits, first ones preferred, that tell apart whatever all traits together tell apart.
  private static func distinctive(_ problems: [[Trait]]) -> Set<String> {
    var names: Set<String> = []
    var classes = 1
    for name in problems.first?.map(\.name) ?? [] {
      let tried = names.union([name])
      let count = Set(
        problems.map { traits in traits.filter { tried.contains($0.name) }.map(\.text) }
      ).count
      guard count > classes else { continue }
      names = tried
      classes = count
    }
    return names
  }

  /// What must be equal for two points to lie on one line, apart from mechanism and length.
  private static func traits(_ record: CaseRecord) -> [Trait] {
    let shape = record.problem.shape
    let heads = shape.queryHeads
    return [
      ("causality", shape.isCausal ? "causal" : ""),
      ("batch", "b=\(shape.batch)"),
      ("heads", shape.keyValueHeads == heads ? "h=\(heads)" : "h=\(heads)/\(shape.keyValueHeads)"),
      ("headDim", "d=\(shape.headDim)"),
      ("valueDim", shape.valueDim == shape.headDim ? "" : "dv=\(shape.valueDim)"),
      ("input", record.problem.input.kind),
      ("grid", shape.grid.map { "\($0.rank)-D" } ?? ""),
      ("keys", shape.isSelfAttention ? "" : "keys=\(shape.keyLength)"),
      ("threads", "t=\(record.execution.threads)"),
    ]
  }
}
