// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionReference
import RealModule

/// Softmax attention with a mask and a score modifier chosen from a library.
///
/// The mask is compiled to a schedule of full and partial tiles; nothing is decided per element of a
/// full tile. Within the shape's causality:
///
/// | `mask`         | query `i` sees key `j` where                                             |
/// |----------------|--------------------------------------------------------------------------|
/// | `none`         | always                                                                   |
/// | `window`       | `abs(i - j) < window`                                                    |
/// | `prefix`       | `j < prefix` or `j <= i`                                                 |
/// | `document`     | both lie in the same of `documents` nearly equal pieces                  |
/// | `dilated`      | `abs(i - j) < window * dilation` and `dilation` divides `i - j`          |
/// | `neighborhood` | both coordinates on the grid differ by at most `window / 2`              |
/// | `paged`        | the key stored at `j` belongs to a position `<= i`                       |
///
/// Positions of queries count from the key at which causality lets the first one stand. `paged` takes
/// keys and values in pages of `pageSize` rows, stored in an order drawn from `seed`. The modifier
/// `alibi` adds `2^(-8 (h + 1) / heads) (j - i)`; `relative` adds a term of the weight `bias` per head
/// and distance `j - i`, distances beyond `reach` taking the term of `reach`. With a `softCap` a
/// scaled score `s` becomes `softCap tanh(s / softCap)` before the modifier adds its term. Tensors
/// are those of ``Flash``.
///
/// Every mask with every modifier runs fused in tiles; a soft cap, with whatever mask and modifier,
/// runs row by row.
///
/// - Requires: sizes at least 1, `softCap` at least 0, a grid of rank 2 for `neighborhood`, causal self-attention for
///   `prefix`-free `paged` and for `alibi`, otherwise ``init(_:shape:)`` throws ``MechanismError``.
/// - Note: Exact on its mask.
///
/// Source: Dong et al., *Flex Attention* (2024), arXiv:2412.05496.
public struct Flex: AttentionMechanism {
  public enum Mask: String, ParameterChoice {
    case none, window, prefix, document, dilated, neighborhood, paged
  }

  public enum Score: String, ParameterChoice {
    case none, alibi, relative
  }

  public struct Parameters: MechanismParameters {
    public var mask = Mask.document
    public var score = Score.none
    public var window = 256
    public var dilation = 2
    public var softCap = 0.0
    public var reach = 128
    public var prefix = 128
    public var documents = 8
    public var pageSize = 64
    public var seed = 0

    public init() {}

    public static let fields: [ParameterField<Parameters>] = [
      ParameterField("mask", \.mask, "Which keys a query sees, beside causality."),
      ParameterField("score", \.score, "What is done to the scores."),
      ParameterField("window", \.window, "window, dilated, neighborhood: keys around a query."),
      ParameterField("dilation", \.dilation, "dilated: distance between keys."),
      ParameterField(
        "softCap", \.softCap, "Largest size of a score, by a hyperbolic tangent; 0 for none."),
      ParameterField("reach", \.reach, "relative: largest distance with a term of its own."),
      ParameterField("prefix", \.prefix, "prefix: first keys that everyone sees."),
      ParameterField("documents", \.documents, "document: pieces of the sequence."),
      ParameterField("pageSize", \.pageSize, "paged: keys per page."),
      ParameterField("seed", \.seed, "paged: seed of the order of the pages."),
    ]
  }

  public static let card = MechanismCard(
    id: "flex", title: "Flex attention", family: .exact,
    origin: Citation(
      "Flex Attention: A Programming Model for Generating Optimized Attention Kernels",
      arXiv: "2412.05496", year: 2024),
    summary: "Masks and score modifiers from a library, compiled to full and partial tiles.",
    patterns: Set(AttentionPattern.allCases), exactness: .maskedExact, laws: [],
    cost: "2 pairs (headDim + valueDim) operations on the pairs of the mask")

  public let parameters: Parameters
  private let shape: AttentionShape
  private let grid: Extents?
  /// Position of the key stored at each row.
  private let positions: [Int]
  private let heads: HeadPatterns

  public init(_ parameters: Parameters, shape: AttentionShape) throws(MechanismError) {
    try Self.check(parameters, shape: shape)
    self.parameters = parameters
    self.shape = shape
    let grid = parameters.mask == .neighborhood ? shape.grid : nil
    self.grid = grid
    let positions =
      parameters.mask == .paged
      ? Self.pagedPositions(parameters, length: shape.keyLength) : Array(0..<shape.keyLength)
    self.positions = positions
    let keys = Self.pattern(parameters, positions: positions, grid: grid, shape: shape)
    let order: QueryOrder =
      parameters.mask == .dilated
      ? .classes((0..<shape.queryLength).map { $0 % parameters.dilation })
      : grid.map { .tiles(grid: $0, tile: [4, 8], queryLength: shape.queryLength) } ?? .sequence
    heads = HeadPatterns(
      perHead: (0..<shape.queryHeads).map { head in
        let slope = Double.exp2(-8 * Double(head + 1) / Double(shape.queryHeads))
        let bias: ScoreBias =
          switch parameters.score {
          case .none: .none
          case .alibi: .linear(slope: slope)
          case .relative:
            .relative(
              RelativeBias(
                weight: "bias", grid: [max(shape.keyLength, shape.queryLength)],
                reach: [parameters.reach], queryOffset: shape.causalOffset))
          }
        return HeadPattern(keys, order: order, bias: bias)
      }, shape: shape)
  }

  public var plan: Plan {
    let cap = parameters.softCap > 0 ? parameters.softCap : nil
    return Plan(shape: shape, stages: [.attend(Attend(rule: .patterns(heads), scoreCap: cap))])
  }

  public var weightSpecifications: [WeightSpecification] {
    guard parameters.score == .relative else { return [] }
    return [
      WeightSpecification(
        name: "bias", extents: [shape.queryHeads, 2 * parameters.reach + 1],
        layout: "[queryHeads, 2 reach + 1]",
        meaning: "term added to the score by the distance j - i; standard normal")
    ]
  }

  public func drawWeights(_ seed: Seed) -> WeightSet {
    guard let bias = weightSpecifications.first else { return WeightSet() }
    var generator = SplitMix64(seed: seed.child("flex/bias"))
    let count = bias.extents.reduce(1, *)
    return WeightSet(["bias": Tensor(bias.extents, (0..<count).map { _ in generator.normal() })])
  }

  public func oracle(_ problem: ReferenceProblem) -> ReferenceOutput {
    let terms = parameters.score == .relative ? problem.weights["bias"].array.map(Double.init) : []
    let reach = parameters.reach
    return problem.mapHeads { head, _, queryHead in
      let exponent = -8 * Double(queryHead + 1) / Double(shape.queryHeads)
      let slope = parameters.score == .alibi ? Double.pow(2, exponent) : 0
      return SoftmaxReference.attend(
        head, scale: shape.softmaxScale,
        bias: { query, key in
          let distance = key - query - shape.causalOffset
          // What the cap takes away from the score, which is added as it is.
          let score =
            parameters.softCap > 0 ? shape.softmaxScale * head.query.dot(query, head.key, key) : 0
          let loss =
            parameters.softCap > 0
            ? parameters.softCap * Double.tanh(score / parameters.softCap) - score : 0
          guard !terms.isEmpty else { return loss + slope * Double(distance) }
          return loss
            + terms[queryHead * (2 * reach + 1) + reach + min(max(distance, -reach), reach)]
        },
        allows: { allows($0, $1) })
    }
  }

  private func allows(_ query: Int, _ key: Int) -> Bool {
    let place = query + shape.causalOffset
    let distance = abs(place - key)
    let isPast = SoftmaxReference.allows(shape, query: query, key: positions[key])
    switch parameters.mask {
    case .none: return isPast
    case .window: return isPast && distance < parameters.window
    case .prefix: return key < parameters.prefix || key <= place
    case .document:
      let (a, b) = (place * parameters.documents, key * parameters.documents)
      return isPast && a / shape.keyLength == b / shape.keyLength
    case .dilated:
      return isPast && distance % parameters.dilation == 0
        && distance / parameters.dilation < parameters.window
    case .neighborhood:
      guard let grid else { return false }
      let (a, b) = (grid.coordinate(of: query), grid.coordinate(of: key))
      return isPast && zip(a, b).allSatisfy { abs($0 - $1) <= parameters.window / 2 }
    case .paged: return isPast
    }
  }
}

extension Flex {
  private static func check(
    _ parameters: Parameters, shape: AttentionShape
  ) throws(MechanismError) {
    try require("window", parameters.window, atLeast: 1)
    try require("dilation", parameters.dilation, atLeast: 1)
    try require("reach", parameters.reach, atLeast: 0)
    guard parameters.softCap >= 0 else {
      throw .outOfRange(
        parameter: "softCap", value: "\(parameters.softCap)", rule: "it must be at least 0")
    }
    try require("prefix", parameters.prefix, atLeast: 0)
    try require("documents", parameters.documents, atLeast: 1)
    try require("pageSize", parameters.pageSize, atLeast: 1)
    if parameters.mask == .neighborhood, shape.grid?.rank != 2 || !shape.isSelfAttention {
      throw .unsupportedShape(
        mechanism: "flex", shape: shape.description,
        rule: "the neighborhood mask needs a token grid of rank 2, such as grid 64x64")
    }
    if parameters.score == .alibi, !shape.isCausal {
      throw .unsupportedShape(
        mechanism: "flex", shape: shape.description, rule: "alibi takes causal attention")
    }
    if parameters.mask == .prefix, shape.isCausal {
      throw .unsupportedShape(
        mechanism: "flex", shape: shape.description,
        rule: "the prefix mask is causal by itself: leave the shape's causality out")
    }
  }

  /// Position of the key stored at each row; the last page may be cut short.
  private static func pagedPositions(_ parameters: Parameters, length: Int) -> [Int] {
    var generator = SplitMix64(
      seed: Seed(UInt64(bitPattern: Int64(parameters.seed))).child("flex/pages"))
    let pages = (0..<(length + parameters.pageSize - 1) / parameters.pageSize)
      .shuffled(using: &generator)
    return pages.flatMap { page in
      Array(page * parameters.pageSize..<min((page + 1) * parameters.pageSize, length))
    }
  }

  private static func pattern(
    _ parameters: Parameters, positions: [Int], grid: Extents?, shape: AttentionShape
  ) -> KeyPattern {
    let offset = shape.causalOffset
    let sequence = KeyPattern.sequence(shape)
    let queries = 0..<shape.queryLength
    switch parameters.mask {
    case .none:
      return sequence
    case .window:
      let reach = parameters.window - 1
      return .intersection([.band(from: offset - reach, to: offset + reach), sequence])
    case .prefix:
      return .union([.keys(0..<parameters.prefix), .band(from: nil, to: offset)])
    case .document:
      func document(_ token: Int) -> Int { token * parameters.documents / shape.keyLength }
      return .intersection([
        .classes(
          TokenClasses(
            queries: queries.map { document($0 + offset) },
            keys: (0..<shape.keyLength).map(document))),
        sequence,
      ])
    case .dilated:
      let reach = (parameters.window - 1) * parameters.dilation
      func residue(_ token: Int) -> Int {
        (token % parameters.dilation + parameters.dilation) % parameters.dilation
      }
      return .intersection([
        .classes(
          TokenClasses(
            queries: queries.map { residue($0 + offset) },
            keys: (0..<shape.keyLength).map(residue))),
        .band(from: offset - reach, to: offset + reach), sequence,
      ])
    case .neighborhood:
      guard let grid else { return sequence }
      let half = parameters.window / 2
      let ranges = grid.values.map { length in
        (0..<length).map { max($0 - half, 0)..<min($0 + half + 1, length) }
      }
      return .intersection([.boxes(GridBoxes(grid: grid, ranges: ranges)), sequence])
    case .paged:
      guard shape.isCausal else { return .all }
      return .spans(pagedSpans(positions, shape: shape))
    }
  }

  /// Rows whose positions a query may see.
  private static func pagedSpans(_ positions: [Int], shape: AttentionShape) -> SpanTable {
    SpanTable(
      (0..<shape.queryLength).lazy.map { query in
        let visible = shape.visibleKeys(query: query)
        var spans: [Range<Int>] = []
        for (row, position) in positions.enumerated() where position < visible {
          if let last = spans.last, last.upperBound == row {
            spans[spans.count - 1] = last.lowerBound..<row + 1
          } else {
            spans.append(row..<row + 1)
          }
        }
        return spans
      })
  }
}
