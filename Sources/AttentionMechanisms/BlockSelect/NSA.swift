// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionReference
import RealModule

/// Native sparse attention: pooled keys, the blocks that they point at, and a window, with gates.
///
/// Keys and values are averaged over stretches of `poolLength`, one every `poolStep`. A query
/// attends to the stretches that end no later than it. A block of `blockSize` keys scores the
/// weight of every stretch once for each `poolStep` keys that they share, added over the heads of a
/// group; the query attends to the `topK` best blocks up to its own, the first `initialBlocks` and
/// the last `localBlocks` among them in any case. The third branch is a sliding window. Each branch
/// has a softmax of its own; `gates` `[queryHeads, queryLength, 3]` weigh them. Tensors are those of
/// ``Flash``, self-attention only.
///
/// - Note: With gates (0, 1, 0) and enough blocks, or (0, 0, 1) and a window of all keys, causal
///   dense attention. The paper pools by a small learned network, here the mean; it computes gates
///   from token features, here they are given or drawn as `sigmoid(N(0, 1))`. Equation 9 is read
///   such that a block scores the stretches that overlap it.
///
/// Source: Yuan et al., *Native Sparse Attention* (2025), arXiv:2502.11089, section 3.
public struct NSA: AttentionMechanism {
  public struct Parameters: MechanismParameters {
    public var poolLength = 32
    public var poolStep = 16
    public var blockSize = 64
    public var topK = 16
    public var initialBlocks = 1
    public var localBlocks = 2
    public var window = 512
    public var order = AttendSelected.Order.byBlock

    public init() {}

    public static let fields: [ParameterField<Parameters>] = [
      ParameterField("poolLength", \.poolLength, "Keys of a pooled stretch."),
      ParameterField("poolStep", \.poolStep, "Keys from one stretch to the next."),
      ParameterField("blockSize", \.blockSize, "Keys of a selected block."),
      ParameterField("topK", \.topK, "Blocks per token, forced ones included."),
      ParameterField("initialBlocks", \.initialBlocks, "First blocks, kept in any case."),
      ParameterField(
        "localBlocks", \.localBlocks, "Last blocks, the own one included, kept in any case."),
      ParameterField("window", \.window, "Keys of the sliding window."),
      ParameterField("order", \.order, BlockSelectTexts.order, changesResult: false),
    ]
  }

  public static let card = MechanismCard(
    id: "nsa", title: "Native sparse attention", family: .blockSelect,
    origin: Citation(
      "Native Sparse Attention: Hardware-Aligned and Natively Trainable Sparse Attention",
      arXiv: "2502.11089", year: 2025),
    summary: "Attention to pooled keys, to the blocks that those point at and to a window, added "
      + "with gates.",
    patterns: [.causalSelf], exactness: .approximate, laws: [.causal],
    cost: "4 tokens (tokens / (2 poolStep) + topK blockSize + window) headDim operations")

  public let parameters: Parameters
  private let shape: AttentionShape

  public init(_ parameters: Parameters, shape: AttentionShape) throws(MechanismError) {
    try BlockSelectTexts.atLeastOne("poolStep", parameters.poolStep)
    try BlockSelectTexts.atLeastOne("window", parameters.window)
    try BlockSelectTexts.atLeastOne("localBlocks", parameters.localBlocks)
    for (name, value) in [
      ("poolLength", parameters.poolLength), ("blockSize", parameters.blockSize),
    ] where value < parameters.poolStep || !value.isMultiple(of: parameters.poolStep) {
      throw .outOfRange(
        parameter: name, value: "\(value)",
        rule: "it must be a multiple of poolStep = \(parameters.poolStep)")
    }
    guard parameters.initialBlocks >= 0,
      parameters.topK >= parameters.initialBlocks + parameters.localBlocks
    else {
      throw .outOfRange(
        parameter: "topK", value: "\(parameters.topK)",
        rule: "it must hold the \(parameters.initialBlocks) initial and "
          + "\(parameters.localBlocks) local blocks")
    }
    self.parameters = parameters
    self.shape = shape
  }

  private var compression: Compression {
    Compression(length: parameters.poolLength, step: parameters.poolStep)
  }

  public var plan: Plan {
    let blocks = (shape.keyLength + parameters.blockSize - 1) / parameters.blockSize
    let selection = AttendSelected(
      rows: .queries(1), blocks: .consecutive(parameters.blockSize), sharing: .group,
      scoring: .compressed(
        CompressedScores(compression: compression, blockSize: parameters.blockSize)),
      rule: BlockRule(.top(Swift.min(parameters.topK, blocks))),
      forced: ForcedBlocks(
        own: true, first: parameters.initialBlocks, previous: parameters.localBlocks - 1),
      order: parameters.order)
    let branches = GatedBranches(
      compression: compression, selection: selection, window: parameters.window, gates: "gates")
    return Plan(shape: shape, stages: [.gatedBranches(branches)])
  }

  public var weightSpecifications: [WeightSpecification] {
    [
      WeightSpecification(
        name: "gates", extents: [shape.queryHeads, shape.queryLength, 3],
        layout: "[queryHeads, queryLength, 3]",
        meaning: "gates of the pooled, the selected and the window branch, sigmoid(N(0, 1))")
    ]
  }

  public func drawWeights(_ seed: Seed) -> WeightSet {
    let gates = Tensor<Float>([shape.queryHeads, shape.queryLength, 3])
    var generator = SplitMix64(seed: seed.child("gates"))
    for index in 0..<gates.count {
      gates[index] = Float(1 / (1 + Double.exp(-Double(generator.normal()))))
    }
    return WeightSet(["gates": gates])
  }

  /// Enough blocks that some are left out.
  public var verificationLength: Int {
    Swift.min((parameters.topK + 4) * parameters.blockSize, 900)
  }

  private var reference: BlockReference {
    BlockReference(shape: shape, queryBlock: 1, keyBlock: parameters.blockSize)
  }

  public func oracle(_ problem: ReferenceProblem) -> ReferenceOutput {
    let gates = problem.weights["gates"]
    return problem.mapHeads { head, batch, queryHead in
      let index = batch * shape.queryHeads + queryHead
      let chosen =
        problem.selection.map { selection in
          (0..<shape.queryLength).map { Set(selection.blocks(head: index, row: $0)) }
        }
        ?? choices(problem, batch: batch, group: queryHead / shape.headGroup)
        .map(SelectionReference.choose)
      let branches = [
        pooledBranch(head), reference.attend(head, chosen: chosen),
        SoftmaxReference.attend(head, scale: shape.softmaxScale) { query, key in
          key <= query && query - key < parameters.window
        },
      ]
      var output = Rows(count: shape.queryLength, width: shape.valueDim)
      for query in 0..<shape.queryLength {
        for (branch, rows) in branches.enumerated() {
          let gate = gates[(queryHead * shape.queryLength + query) * 3 + branch]
          output.add(Double(gate), rows, query, to: query)
        }
      }
      return output
    }
  }

  public func selectionDefects(_ problem: ReferenceProblem) -> [String] {
    reference.defects(problem) { _, batch, queryHead in
      choices(problem, batch: batch, group: queryHead / shape.headGroup)
    }
  }

  /// First keys of all whole stretches.
  private var stretches: [Int] {
    Array(
      stride(from: 0, through: shape.keyLength - parameters.poolLength, by: parameters.poolStep))
  }

  private func means(_ rows: Rows) -> Rows {
    var result = Rows(count: stretches.count, width: rows.width)
    for (index, first) in stretches.enumerated() {
      result[index] = BlockReference.mean(rows, Array(first..<first + parameters.poolLength))[...]
    }
    return result
  }

  private func pooledBranch(_ head: ReferenceHead) -> Rows {
    let pooled = ReferenceHead(query: head.query, key: means(head.key), value: means(head.value))
    return SoftmaxReference.attend(pooled, scale: shape.softmaxScale) { query, stretch in
      stretches[stretch] + parameters.poolLength <= query + 1
    }
  }

  private func choices(
    _ problem: ReferenceProblem, batch: Int, group: Int
  ) -> [SelectionReference.Row] {
    let heads = (group * shape.headGroup..<(group + 1) * shape.headGroup).map {
      problem.head(batch: batch, queryHead: $0)
    }
    let keys = means(heads[0].key)
    return (0..<shape.queryLength).map { query in
      let own = query / parameters.blockSize
      var importance = [Double](repeating: 0, count: own + 1)
      for head in heads {
        let seen = stretches.indices.filter {
          stretches[$0] + parameters.poolLength <= query + 1
        }
        let products = Dictionary(
          uniqueKeysWithValues: seen.map { ($0, head.query.dot(query, keys, $0)) })
        for (stretch, weight) in SelectionReference.softmax(products, scale: shape.softmaxScale) {
          let first = stretches[stretch]
          for step in stride(
            from: first, to: first + parameters.poolLength, by: parameters.poolStep)
          { importance[step / parameters.blockSize] += weight }
        }
      }
      return choice(importance, own: own)
    }
  }

  private func choice(_ importance: [Double], own: Int) -> SelectionReference.Row {
    let forced = Set(0..<Swift.min(parameters.initialBlocks, own + 1))
      .union(Swift.max(own - parameters.localBlocks + 1, 0)...own)
    let scores = Dictionary(
      uniqueKeysWithValues: (0...own).filter { !forced.contains($0) }.map { ($0, importance[$0]) })
    // Softmax weights in Float32: products carry up to 1e-5 of their size into the exponent.
    return SelectionReference.Row(
      scores: scores, rule: .top(parameters.topK - forced.count), forced: forced,
      tolerance: 1e-4 * (1e-3 + (importance.max() ?? 0)))
  }
}
