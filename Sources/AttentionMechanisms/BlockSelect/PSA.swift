// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionReference
import RealModule

/// Pyramid sparse attention: the better a block, the finer the keys that are attended to.
///
/// A quarter of the tokens of every query block and key block are sampled, at offsets that are the
/// same in all blocks. A key block scores the largest softmax weight over sampled keys that a
/// sampled query gives to one of its keys. Blocks are ranked; the first `whole` of them are
/// attended to as they are, those up to `pairs`, `fours` and `eights` as means of 2, 4 and 8
/// consecutive keys and values, whose scores gain the logarithm of that number. One softmax spans
/// everything; blocks after `eights` are left out. Tensors are those of ``Flash``,
/// self-attention; under causality blocks on the diagonal are whole and those before it compete.
///
/// - Note: `whole == 1` is dense attention, and so is any split where keys and values are constant
///   within 8 tokens. The authors draw offsets anew in every call; here they come from a fixed
///   seed. Their other rule, shares of the score sum in place of ranks, and the limit by the
///   cosine of neighbouring keys are not part of it. One block is whole at least (ours).
///
/// Source: Li et al., *PSA: Pyramid Sparse Attention for Efficient Video Understanding and
/// Generation* (2025), arXiv:2512.04025; sampling, rule and defaults as in the authors' code.
public struct PSA: AttentionMechanism {
  public struct Parameters: MechanismParameters {
    public var queryBlock = 128
    public var keyBlock = 64
    public var whole = 0.1
    public var pairs = 0.15
    public var fours = 0.15
    public var eights = 0.35

    public init() {}

    public static let fields: [ParameterField<Parameters>] = [
      ParameterField("queryBlock", \.queryBlock, "Queries per block."),
      ParameterField("keyBlock", \.keyBlock, "Keys per block, a multiple of 8."),
      ParameterField("whole", \.whole, "Share of the ranked blocks that are attended to whole."),
      ParameterField("pairs", \.pairs, "Rank, as a share, up to which two keys become one."),
      ParameterField("fours", \.fours, "Rank, as a share, up to which four keys become one."),
      ParameterField("eights", \.eights, "Rank, as a share, up to which eight keys become one."),
    ]
  }

  public static let card = MechanismCard(
    id: "psa", title: "Pyramid sparse attention", family: .blockSelect,
    origin: Citation(
      "PSA: Pyramid Sparse Attention for Efficient Video Understanding and Generation",
      arXiv: "2512.04025", year: 2025),
    summary: "Blocks are attended to whole, as means of 2, 4 or 8 keys, or not at all, as sampled "
      + "tokens rank them.",
    patterns: [.noncausalSelf, .causalSelf], exactness: .approximate,
    laws: [.rowStochastic, .headEquivariant],
    cost: "4 tokens^2 (whole + (pairs - whole) / 2 + ...) headDim operations; tokens^2 headDim / 8 "
      + "for the scores")

  public let parameters: Parameters
  private let shape: AttentionShape

  public init(_ parameters: Parameters, shape: AttentionShape) throws(MechanismError) {
    try BlockSelectTexts.atLeastOne("queryBlock", parameters.queryBlock)
    try BlockSelectTexts.atLeastOne("keyBlock", parameters.keyBlock)
    guard parameters.keyBlock.isMultiple(of: 8) else {
      throw .outOfRange(
        parameter: "keyBlock", value: "\(parameters.keyBlock)", rule: "it must be a multiple of 8")
    }
    var least = ("0", 0.0)
    for (name, value) in [
      ("whole", parameters.whole), ("pairs", parameters.pairs), ("fours", parameters.fours),
      ("eights", parameters.eights),
    ] {
      try BlockSelectTexts.share(name, value)
      guard value >= least.1 else {
        throw .outOfRange(
          parameter: name, value: "\(value)", rule: "it must be at least \(least.0) = \(least.1)")
      }
      least = (name, value)
    }
    self.parameters = parameters
    self.shape = shape
  }

  private static let levels = [1, 2, 4, 8]
  private var ends: [Double] {
    [parameters.whole, parameters.pairs, parameters.fours, parameters.eights]
  }
  /// Blocks of a resolution come in groups whose mean keys fill tiles of 32.
  private var multiples: [Int] {
    let tiles = Swift.max(parameters.keyBlock / 32, 1)
    return Self.levels.map { ($0 + tiles - 1) / tiles }
  }

  public var plan: Plan {
    let search = PyramidSearch(
      ends: ends, queryOffsets: offsets("queries", of: parameters.queryBlock),
      keyOffsets: offsets("keys", of: parameters.keyBlock), multiples: multiples)
    let stage = AttendSelected(
      rows: .queries(parameters.queryBlock), blocks: .pyramid(parameters.keyBlock),
      scoring: .pyramid(search), rule: BlockRule(.above(0)),
      forced: ForcedBlocks(own: shape.isCausal), order: .byQuery)
    return Plan(shape: shape, stages: [.attendSelected(stage)])
  }

  /// A quarter of the places of a block, ascending.
  private func offsets(_ name: String, of size: Int) -> [Int] {
    var places = Array(0..<size)
    var generator = SplitMix64(seed: Seed(2512).child("psa").child(name))
    for index in 0..<size { places.swapAt(index, index + generator.integer(below: size - index)) }
    return places.prefix(Swift.max(size / 4, 1)).sorted()
  }

  public var verificationLength: Int { 6 * parameters.queryBlock + 29 }

  private var blocks: [Range<Int>] { Self.cut(shape.keyLength, parameters.keyBlock) }
  private var rows: [Range<Int>] { Self.cut(shape.queryLength, parameters.queryBlock) }

  private static func cut(_ count: Int, _ size: Int) -> [Range<Int>] {
    stride(from: 0, to: count, by: size).map { $0..<Swift.min($0 + size, count) }
  }

  public func oracle(_ problem: ReferenceProblem) -> ReferenceOutput {
    problem.mapHeads { head, batch, queryHead in
      let index = batch * shape.queryHeads + queryHead
      var output = Rows(count: shape.queryLength, width: shape.valueDim)
      for (row, queries) in rows.enumerated() {
        let chosen =
          problem.selection.map { $0.blocks(head: index, row: row) }
          ?? choose(head, row: row)
        for query in queries { attend(head, query: query, chosen, into: &output) }
      }
      return output
    }
  }

  /// One softmax over keys and means of keys; a block is a number of a level's blocks.
  private func attend(
    _ head: ReferenceHead, query: Int, _ chosen: [Int], into output: inout Rows
  ) {
    var terms: [(score: Double, value: [Double])] = []
    for id in chosen {
      let (level, block) = id.quotientAndRemainder(dividingBy: blocks.count)
      for first in stride(
        from: blocks[block].lowerBound, to: blocks[block].upperBound, by: Self.levels[level])
      {
        let keys = first..<Swift.min(first + Self.levels[level], blocks[block].upperBound)
        let isSeen =
          level > 0 || SoftmaxReference.allows(shape, query: query, key: first)
        guard isSeen else { continue }
        let key = BlockReference.mean(head.key, Array(keys))
        terms.append(
          (
            shape.softmaxScale * BlockReference.dot(Array(head.query[query]), key)
              + Double.log(Double(keys.count)),
            BlockReference.mean(head.value, Array(keys))
          ))
      }
    }
    let top = terms.map(\.score).max() ?? 0
    let sum = terms.reduce(0) { $0 + Double.exp($1.score - top) }
    for term in terms {
      let weight = Double.exp(term.score - top) / sum
      for column in 0..<shape.valueDim { output[query, column] += weight * term.value[column] }
    }
  }

  public func selectionDefects(_ problem: ReferenceProblem) -> [String] {
    guard let selection = problem.selection else { return ["no selection was made"] }
    var defects: [String] = []
    _ = problem.mapHeads { head, batch, queryHead in
      let index = batch * shape.queryHeads + queryHead
      for row in rows.indices {
        if let defect = defect(head, row: row, selection.blocks(head: index, row: row)) {
          defects.append("head \(index), query block \(row): \(defect)")
        }
      }
      return Rows(count: 0, width: 0)
    }
    return defects
  }

  /// Every resolution ends at its rank: the blocks down to it are the best so many.
  private func defect(_ head: ReferenceHead, row: Int, _ chosen: [Int]) -> String? {
    let scores = scores(head, row: row)
    let own = own(row)
    var kept: Set<Int> = []
    for (level, count) in ranks(scores.count).enumerated() {
      let ids = chosen.filter { $0 / blocks.count == level }.map { $0 % blocks.count }
      let added = Set(ids).subtracting(level == 0 ? own : [])
      guard kept.isDisjoint(with: added) else { return "a block at two resolutions" }
      kept.formUnion(added)
      if level == 0, !own.isSubset(of: ids) { return "left out blocks of the diagonal" }
      let choice = SelectionReference.Row(
        scores: scores, rule: .top(count),
        // Weights in Float32: products carry up to 1e-5 of their size into the exponent.
        tolerance: 1e-4 * (scores.values.max() ?? 0))
      if let defect = SelectionReference.defect(chosen: kept, row: choice) {
        return "means of \(Self.levels[level]): \(defect)"
      }
    }
    return nil
  }

  private func choose(_ head: ReferenceHead, row: Int) -> [Int] {
    let scores = scores(head, row: row)
    let ranked = scores.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map(\.key)
    var ids = Array(own(row))
    var first = 0
    for (level, end) in ranks(ranked.count).enumerated() where end > first {
      ids += ranked[first..<end].map { level * blocks.count + $0 }
      first = end
    }
    return ids
  }

  /// Blocks of the diagonal under causality.
  private func own(_ row: Int) -> Set<Int> {
    guard shape.isCausal else { return [] }
    return Set(blocks.indices.filter { blocks[$0].overlaps(rows[row]) })
  }

  /// Ranks at which the resolutions end: lengths are rounded up to their multiples, down at the end.
  private func ranks(_ count: Int) -> [Int] {
    var result: [Int] = []
    for (level, share) in ends.enumerated() {
      let before = result.last ?? 0
      let group = multiples[level]
      var length = Swift.min(Int(share * Double(count)), count) - before
      if level == 0, count > 0 { length = Swift.max(length, 1) }
      length = Swift.max(length, 0)
      let up = (length + group - 1) / group * group
      if length % group != 0 {
        length = before + up >= count ? (count - before) / group * group : up
      }
      result.append(before + length)
    }
    return result
  }

  /// The largest weight that a sampled query of the row gives to a sampled key of each block.
  private func scores(_ head: ReferenceHead, row: Int) -> [Int: Double] {
    let sample = { (range: Range<Int>, offsets: [Int]) -> [Int] in
      let places = offsets.map { $0 + range.lowerBound }.filter(range.contains)
      return places.isEmpty ? [range.lowerBound] : places
    }
    let keyOffsets = offsets("keys", of: parameters.keyBlock)
    let keys = blocks.map { sample($0, keyOffsets) }
    let candidates = blocks.indices.filter {
      !shape.isCausal || blocks[$0].upperBound <= rows[row].lowerBound
    }
    var best: [Int: Double] = Dictionary(uniqueKeysWithValues: candidates.map { ($0, 0) })
    for query in sample(rows[row], offsets("queries", of: parameters.queryBlock)) {
      let seen = keys.flatMap { $0 }.filter {
        SoftmaxReference.allows(shape, query: query, key: $0)
      }
      let weights = SelectionReference.softmax(
        Dictionary(uniqueKeysWithValues: seen.map { ($0, head.query.dot(query, head.key, $0)) }),
        scale: shape.softmaxScale)
      for block in candidates {
        best[block] = keys[block].reduce(best[block] ?? 0) {
          Swift.max($0, weights[$1] ?? 0)
        }
      }
    }
    return best
  }
}
