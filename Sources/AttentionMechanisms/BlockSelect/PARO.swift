// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionReference

/// PAROAttention's sparse part: tokens of a video in the axis order that makes attention blocky.
///
/// The tokens of a grid can be laid out in any order of its axes, six for a video. In every order a
/// map of `blockSize` by `blockSize` blocks is made from the softmax weights of the middle query of
/// every query block. A head takes the order in which most blocks are nearly empty: they weigh less
/// than `negligible` times what uniform attention would give them. It then keeps the `density`
/// heaviest blocks of its map, beside those on the diagonal, and attends to them in that order.
/// Tensors are those of ``Flash``, self-attention; without a grid there is one order. Query heads
/// of one key-value head share an order.
///
/// - Note: Exact on the selected pairs; `density == 1` is dense attention in any order. The authors
///   fix orders and masks once per model on calibration inputs, so that nothing is chosen while it
///   runs; here every run calibrates on its own inputs, and the time of that is told apart. Their
///   second criterion, how even the weights inside a block are, serves quantisation and is not
///   used. Maps of one query per block, and the diagonal, are ours.
///
/// Source: Zhao et al., *PAROAttention: Pattern-Aware ReOrdering for Efficient Sparse and Quantized
/// Attention in Visual Generation Models* (2025), arXiv:2506.16054, sections 4.1 and 4.2.
public struct PARO: AttentionMechanism {
  public struct Parameters: MechanismParameters {
    public var blockSize = 64
    public var density = 0.2
    public var negligible = 0.1

    public init() {}

    public static let fields: [ParameterField<Parameters>] = [
      ParameterField("blockSize", \.blockSize, "Queries and keys per block."),
      ParameterField("density", \.density, "Share of a head's blocks that are kept."),
      ParameterField(
        "negligible", \.negligible,
        "Weight, in shares of uniform weight, below which a block "
          + "counts as empty."),
    ]
  }

  public static let card = MechanismCard(
    id: "paro", title: "PAROAttention", family: .blockSelect,
    origin: Citation(
      "PAROAttention: Pattern-Aware ReOrdering for Efficient Sparse and Quantized Attention in "
        + "Visual Generation Models", arXiv: "2506.16054", year: 2025),
    summary: "Every head walks the grid in the axis order that leaves most blocks empty, and keeps "
      + "its heaviest blocks.",
    patterns: [.noncausalSelf], exactness: .maskedExact, laws: [.rowStochastic, .headEquivariant],
    cost: "4 tokens^2 density headDim operations; 12 tokens^2 headDim / blockSize to calibrate")

  public let parameters: Parameters
  private let shape: AttentionShape

  public init(_ parameters: Parameters, shape: AttentionShape) throws(MechanismError) {
    try BlockSelectTexts.atLeastOne("blockSize", parameters.blockSize)
    try BlockSelectTexts.share("density", parameters.density)
    guard parameters.negligible >= 0 else {
      throw .outOfRange(
        parameter: "negligible", value: "\(parameters.negligible)", rule: "it must not be negative")
    }
    self.parameters = parameters
    self.shape = shape
  }

  private var blockCount: Int {
    (shape.keyLength + parameters.blockSize - 1) / parameters.blockSize
  }

  private var kept: Int {
    Int((parameters.density * Double(blockCount * blockCount)).rounded(.up))
  }

  public var plan: Plan {
    let stage = AttendSelected(
      rows: .queries(parameters.blockSize), blocks: .consecutive(parameters.blockSize),
      scoring: .axisOrders(AxisOrderSearch(negligible: parameters.negligible)),
      rule: BlockRule(.top(kept), scope: .head), forced: ForcedBlocks(own: true), order: .byQuery)
    return Plan(shape: shape, stages: [.attendSelected(stage)])
  }

  public var verificationLength: Int { Swift.min(10 * parameters.blockSize, 900) }

  /// Tokens of every order of the axes.
  private var orders: [[Int]] {
    let grid = shape.grid ?? [shape.keyLength]
    let tokens = Array(0..<shape.keyLength)
    return Self.permutations(Array(0..<grid.rank)).map { axes in
      let places = tokens.map { token -> [Int] in
        let coordinate = grid.coordinate(of: token)
        return axes.map { coordinate[$0] }
      }
      return tokens.sorted { places[$0].lexicographicallyPrecedes(places[$1]) }
    }
  }

  private static func permutations(_ items: [Int]) -> [[Int]] {
    guard items.count > 1 else { return [items] }
    return items.indices.flatMap { index -> [[Int]] in
      var rest = items
      let first = rest.remove(at: index)
      return permutations(rest).map { [first] + $0 }
    }
  }

  private func cut(_ tokens: [Int]) -> [[Int]] {
    stride(from: 0, to: tokens.count, by: parameters.blockSize).map {
      Array(tokens[$0..<Swift.min($0 + parameters.blockSize, tokens.count)])
    }
  }

  /// Weights of key blocks in the rows of the middle queries, query block by query block.
  private func map(_ head: ReferenceHead, _ blocks: [[Int]]) -> [[Double]] {
    blocks.map { queries in
      let query = queries[queries.count / 2]
      let weights = SelectionReference.softmax(
        Dictionary(
          uniqueKeysWithValues: (0..<shape.keyLength).map {
            ($0, head.query.dot(query, head.key, $0))
          }), scale: shape.softmaxScale)
      return blocks.map { $0.reduce(0) { $0 + (weights[$1] ?? 0) } }
    }
  }

  /// Entries of the maps below `factor` times the weight of a negligible block.
  private func empty(_ maps: [[[Double]]], _ blocks: [[Int]], factor: Double) -> Int {
    maps.reduce(0) { sum, map in
      sum
        + map.reduce(0) { sum, row in
          sum
            + zip(row, blocks).count {
              $0 < factor * parameters.negligible * Double($1.count) / Double(shape.keyLength)
            }
        }
    }
  }

  private func groupMaps(
    _ problem: ReferenceProblem, batch: Int, group: Int, _ blocks: [[Int]]
  ) -> [[[Double]]] {
    (group * shape.headGroup..<(group + 1) * shape.headGroup).map {
      map(problem.head(batch: batch, queryHead: $0), blocks)
    }
  }

  public func oracle(_ problem: ReferenceProblem) -> ReferenceOutput {
    problem.mapHeads { head, batch, queryHead in
      let index = batch * shape.queryHeads + queryHead
      let tokens = order(problem, batch: batch, queryHead: queryHead)
      let blocks = cut(tokens)
      let chosen: [Set<Int>]
      if let selection = problem.selection {
        chosen = blocks.indices.map { Set(selection.blocks(head: index, row: $0)) }
      } else {
        let kept = SelectionReference.choose(row(map(head, blocks)))
        chosen = blocks.indices.map { row in
          Set(blocks.indices.filter { kept.contains(row * blocks.count + $0) })
        }
      }
      return BlockReference(shape: shape, rows: blocks, blocks: blocks).attend(head, chosen: chosen)
    }
  }

  /// The selection's order of a head, or that with the most empty blocks.
  private func order(_ problem: ReferenceProblem, batch: Int, queryHead: Int) -> [Int] {
    let index = batch * shape.queryHeads + queryHead
    if let given = problem.selection?.order(head: index, queryLength: shape.queryLength) {
      return given.map(Int.init)
    }
    let counts = orders.map { tokens in
      empty(
        groupMaps(problem, batch: batch, group: queryHead / shape.headGroup, cut(tokens)),
        cut(tokens), factor: 1)
    }
    return orders[counts.firstIndex(of: counts.max() ?? 0) ?? 0]
  }

  /// All blocks of a head compete.
  private func row(_ map: [[Double]]) -> SelectionReference.Row {
    let forced = Set(map.indices.map { $0 * map.count + $0 })
    let scores = map.enumerated().flatMap { row, weights in
      weights.enumerated().map { (row * map.count + $0, $1) }
    }
    return SelectionReference.Row(
      scores: Dictionary(uniqueKeysWithValues: scores.filter { !forced.contains($0.0) }),
      rule: .top(kept - forced.count), forced: forced,
      // Weights in Float32: products carry up to 1e-5 of their size into the exponent.
      tolerance: 1e-4 * (map.joined().max() ?? 0))
  }

  public func selectionDefects(_ problem: ReferenceProblem) -> [String] {
    guard let selection = problem.selection else { return ["no selection was made"] }
    var defects: [String] = []
    _ = problem.mapHeads { head, batch, queryHead in
      let index = batch * shape.queryHeads + queryHead
      let tokens = order(problem, batch: batch, queryHead: queryHead)
      let blocks = cut(tokens)
      if queryHead.isMultiple(of: shape.headGroup),
        let defect = orderDefect(problem, batch: batch, group: queryHead / shape.headGroup, tokens)
      {
        defects.append("head \(index): \(defect)")
      }
      let chosen = Set(
        blocks.indices.flatMap { row in
          selection.blocks(head: index, row: row).map { row * blocks.count + $0 }
        })
      if let defect = SelectionReference.defect(chosen: chosen, row: row(map(head, blocks))) {
        defects.append("head \(index): \(defect)")
      }
      return Rows(count: 0, width: 0)
    }
    return defects
  }

  /// Weights at the border of what is negligible may fall to either side of it.
  private func orderDefect(
    _ problem: ReferenceProblem, batch: Int, group: Int, _ tokens: [Int]
  ) -> String? {
    guard orders.contains(tokens) else { return "an order that is none of the axes" }
    let most = {
      empty(
        groupMaps(problem, batch: batch, group: group, cut(tokens)), cut(tokens), factor: 1.0001)
    }()
    for other in orders {
      let least = empty(
        groupMaps(problem, batch: batch, group: group, cut(other)), cut(other), factor: 0.9999)
      if least > most { return "an order with \(most) empty blocks where another has \(least)" }
    }
    return nil
  }
}
