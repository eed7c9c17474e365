// SPDX-License-Identifier: MIT

import AttentionCore

/// Every mechanism that the suite knows, in the order in which tables show them.
public enum MechanismCatalogue {
  private static let builtIn: [MechanismEntry] = [
    MechanismEntry(DenseNaive.self),
    MechanismEntry(DenseBlas.self),
    MechanismEntry(Flash.self),
    MechanismEntry(BlockSparseFlash.self),
    MechanismEntry(MemoryEfficient.self),
    MechanismEntry(FuseMax.self),
    MechanismEntry(Flex.self),
    MechanismEntry(GroupedQuery.self),
    MechanismEntry(
      preset: "mqa", of: GroupedQuery.self, title: "Multi-query attention",
      origin: Citation(
        "Fast Transformer Decoding: One Write-Head is All You Need", arXiv: "1911.02150",
        year: 2019),
      summary: "Exact attention in which all query heads share one key-value head.",
      parameters: ["sharedHeads": "1"]),
    MechanismEntry(BFloat16Flash.self),
    MechanismEntry(Sage1.self),
    MechanismEntry(Sage2.self),
    MechanismEntry(
      preset: "sage2-4b", of: Sage2.self, title: "SageAttention2 with INT4 scores",
      origin: Sage2.card.origin,
      summary: "INT4 scores after smoothing queries and keys, FP8 values summed on two levels.",
      parameters: ["scores": "int4", "smoothQuery": "true"]),
    MechanismEntry(
      preset: "sage2pp", of: Sage2.self, title: "SageAttention2++",
      origin: Citation(
        "SageAttention2++: A More Efficient Implementation of SageAttention2",
        arXiv: "2505.21136", year: 2025),
      summary: "SageAttention2 whose FP8 products are summed in Float16 over each key block.",
      parameters: ["sums": "float16", "valueRange": "2.25"]),
    MechanismEntry(Sage3.self),
    MechanismEntry(FlashFP8.self),
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
    MechanismEntry(MultiScaleWindow.self),
    MechanismEntry(ShardedAttention.self),
    MechanismEntry(BigBird.self),
    MechanismEntry(Longformer.self),
    MechanismEntry(SparseTransformer.self),
    MechanismEntry(ShiftedGroups.self),
    MechanismEntry(
      preset: "sinklora", of: ShiftedGroups.self, title: "Sink fixed attention",
      origin: Citation(
        "SinkLoRA: Enhanced Efficiency and Chat Capabilities for Long-Context Large Language Models",
        arXiv: "2406.05678", year: 2024),
      summary: "Shifted groups in a quarter of the heads, and four sinks that everyone sees.",
      parameters: ["shiftedShare": "0.25", "sinks": "4"]),
    MechanismEntry(ShiftedChunks.self),
    MechanismEntry(DuoAttention.self),
    MechanismEntry(RazorAttention.self),
    MechanismEntry(MixtureOfSpans.self),
    MechanismEntry(BlockRank.self),
    MechanismEntry(
      preset: "block-attention", of: BlockRank.self, title: "Block-Attention",
      origin: Citation(
        "Block-Attention for Efficient RAG", arXiv: "2409.15355", year: 2024),
      summary:
        "Passages see themselves only, so that their keys can be cached; the question sees all.",
      parameters: ["instruction": "0", "sharesInstruction": "false"]),
    MechanismEntry(LinearBiases.self),
    MechanismEntry(SlidingTile.self),
    MechanismEntry(SwinWindow.self),
    MechanismEntry(
      preset: "styleswin", of: SwinWindow.self, title: "Double attention of StyleSwin",
      origin: Citation(
        "StyleSwin: Transformer-based GAN for High-resolution Image Generation",
        arXiv: "2112.10762", year: 2021),
      summary: "Half of the heads attend inside plain windows, the other half inside shifted ones.",
      parameters: ["window": "8", "shift": "half"]),
    MechanismEntry(Halo.self),
    MechanismEntry(CircularWindow.self),
    MechanismEntry(FreeSwim.self),
    MechanismEntry(Radial.self),
    MechanismEntry(MaxViT.self),
    MechanismEntry(Twins.self),
    MechanismEntry(ResidualWindow.self),
    MechanismEntry(SparseVideoGen.self),
    MechanismEntry(FastGen.self),
    MechanismEntry(MoBA.self),
    MechanismEntry(VMoBA.self),
    MechanismEntry(NSA.self),
    MechanismEntry(BiFormer.self),
    MechanismEntry(Seer.self),
    MechanismEntry(SeerR.self),
    MechanismEntry(MInferenceBlock.self),
    MechanismEntry(MInferenceVerticalSlash.self),
    MechanismEntry(PBS.self),
    MechanismEntry(ProxyAttn.self),
    MechanismEntry(Sparge.self),
    MechanismEntry(SALE.self),
    MechanismEntry(HiP.self),
    MechanismEntry(LongHeads.self),
    MechanismEntry(Landmark.self),
    MechanismEntry(DSV.self),
    MechanismEntry(PSA.self),
    MechanismEntry(PARO.self),
    MechanismEntry(DHSA.self),
    MechanismEntry(Linear.self),
    MechanismEntry(EfficientAttention.self),
    MechanismEntry(Performer.self),
    MechanismEntry(TrainableKernel.self),
    MechanismEntry(RelativeFFT.self),
    MechanismEntry(Flatten.self),
    MechanismEntry(InLine.self),
    MechanismEntry(RALA.self),
    MechanismEntry(SanaLinear.self),
    MechanismEntry(LinFusion.self),
    MechanismEntry(Hedgehog.self),
    MechanismEntry(LogNormal.self),
    MechanismEntry(Flow.self),
    MechanismEntry(DiJiang.self),
    MechanismEntry(FastMax.self),
    MechanismEntry(Cottention.self),
    MechanismEntry(CosFormer.self),
    MechanismEntry(Nystromformer.self),
    MechanismEntry(SOFT.self),
    MechanismEntry(Lightning.self),
    MechanismEntry(TransNormer.self),
    MechanismEntry(Based.self),
    MechanismEntry(LightNet.self),
    MechanismEntry(Retention.self),
    MechanismEntry(GatedLinear.self),
    MechanismEntry(Hyena.self),
    MechanismEntry(FNet.self),
    MechanismEntry(FFTNet.self),
  ]

  /// Entries of other modules, for the duration of a call.
  @TaskLocal private static var added: [MechanismEntry] = []

  /// The built-in mechanisms, then those that were added.
  public static var entries: [MechanismEntry] { builtIn + added }

  public static var ids: [String] { entries.map(\.id) }

  /// Calls `body` with `entries` in the catalogue.
  ///
  /// - Requires: ids that no other mechanism has.
  public static func adding<Result>(
    _ entries: [MechanismEntry], _ body: () throws -> Result
  ) rethrows -> Result {
    let known = Set(ids)
    precondition(
      !entries.contains { known.contains($0.id) }, "a mechanism's id is in the catalogue already")
    return try $added.withValue(added + entries, operation: body)
  }

  /// - Throws: ``MechanismError/unknownMechanism(id:known:)``.
  public static func entry(_ id: String) throws(MechanismError) -> MechanismEntry {
    guard let entry = entries.first(where: { $0.id == id }) else {
      throw .unknownMechanism(id: id, known: ids)
    }
    return entry
  }
}
