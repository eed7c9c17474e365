// SPDX-License-Identifier: MIT

import AttentionCore

/// Every mechanism that the suite knows, in the order in which tables show them.
public enum MechanismCatalogue {
  public static let entries: [MechanismEntry] = [
    MechanismEntry(DenseNaive.self),
    MechanismEntry(DenseBlas.self),
    MechanismEntry(Flash.self),
    MechanismEntry(BFloat16Flash.self),
    MechanismEntry(Sage1.self),
    MechanismEntry(SplitKV.self),
    MechanismEntry(Neighborhood.self),
    MechanismEntry(AShape.self),
    MechanismEntry(
      preset: "streaming-llm", of: AShape.self, title: "Attention sinks and a rolling window",
      origin: Citation(
        "Efficient Streaming Language Models with Attention Sinks", arXiv: "2309.17453",
        year: 2023),
      summary: "Causal attention to four sinks and the most recent tokens.",
      parameters: ["sinks": "4", "window": "1020"]),
    MechanismEntry(
      preset: "tri-shape", of: AShape.self, title: "Sinks, a sliding window and dense last queries",
      origin: Citation(
        "SCBench: A KV Cache-Centric Analysis of Long-Context Methods", arXiv: "2412.10319",
        year: 2024),
      summary: "A-shape whose last queries see everything.",
      parameters: ["fullQueries": "100"]),
    MechanismEntry(MoBA.self),
    MechanismEntry(Linear.self),
    MechanismEntry(Lightning.self),
    MechanismEntry(Performer.self),
    MechanismEntry(FNet.self),
    MechanismEntry(FFTNet.self),
  ]

  public static let ids = entries.map(\.id)

  /// - Throws: ``MechanismError/unknownMechanism(id:known:)``.
  public static func entry(_ id: String) throws(MechanismError) -> MechanismEntry {
    guard let entry = entries.first(where: { $0.id == id }) else {
      throw .unknownMechanism(id: id, known: ids)
    }
    return entry
  }
}
