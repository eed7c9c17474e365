// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionReference

/// Attention of every head to a band of a video in the order of frames or of pixels, as the data
/// say.
///
/// A spatial head sees the keys with `|i - j| < width` in the order of frames, a temporal head
/// those with the same distance in the order of pixels (all frames of a pixel together). The width
/// follows from `sparsity`, the share of pairs to keep, and is rounded down to a multiple of
/// `rounding`. Every head takes the mask whose rows differ least, as a mean square, from dense rows
/// for `sampledRows` queries drawn from `seed`; ties go to the spatial one. Text tokens after the
/// video see and are seen by everything. Tensors are those of ``Flash``; bidirectional
/// self-attention, the outermost axis of the grid being time.
///
/// - Requires: a grid of rank 2 or 3, at least one sampled row, and a width of at least one token,
///   otherwise ``init(_:shape:)`` throws ``MechanismError``.
/// - Note: Exact on the mask that a head takes. The authors' code samples with coarser masks of
///   blocks than those it attends with; here they are the same.
///
/// Source: Xi et al., *Sparse VideoGen* (2025), arXiv:2502.01776, section 4.
public struct SparseVideoGen: AttentionMechanism {
  public struct Parameters: MechanismParameters {
    public var sparsity = 0.25
    public var sampledRows = 32
    public var rounding = 128
    public var seed = 0
    public var textTokens = 0
    public var grid: Extents = [0]

    public init() {}

    public static let fields: [ParameterField<Parameters>] = [
      ParameterField(
        "sparsity", \.sparsity, "Share of the pairs that a band keeps, text included."),
      ParameterField("sampledRows", \.sampledRows, "Queries by whose rows a head chooses."),
      ParameterField("rounding", \.rounding, "The band's width is a multiple of this."),
      ParameterField("seed", \.seed, "Seed of the sampled queries."),
      ParameterField("textTokens", \.textTokens, "Text tokens after the video."),
      ParameterField("grid", \.grid, "The grid where there is text; 0 takes the shape's."),
    ]
  }

  public static let card = MechanismCard(
    id: "sparse-videogen", title: "Sparse VideoGen", family: .local,
    origin: Citation(
      "Sparse VideoGen: Accelerating Video Diffusion Transformers with Spatial-Temporal Sparsity",
      arXiv: "2502.01776", year: 2025),
    summary: "Each head takes a band in frame or in pixel order, by a few sampled rows.",
    patterns: [.noncausalSelf], exactness: .maskedExact, laws: [.rowStochastic, .headEquivariant],
    cost: "2 tokens width pairs, and sampledRows tokens (headDim + 2 valueDim) to choose")

  public let parameters: Parameters
  private let shape: AttentionShape
  private let layout: GridLayout
  private let width: Int
  private let queries: [Int]
  private let heads: HeadPatterns

  public init(_ parameters: Parameters, shape: AttentionShape) throws(MechanismError) {
    try Self.require("sampledRows", parameters.sampledRows, atLeast: 1)
    try Self.require("rounding", parameters.rounding, atLeast: 1)
    let layout = try GridLayout(
      "sparse-videogen", grid: parameters.grid, textTokens: parameters.textTokens, shape: shape)
    guard layout.grid.rank >= 2 else {
      throw .unsupportedShape(
        mechanism: "sparse-videogen", shape: shape.description,
        rule: "the grid must have a time axis and at least one in space, such as 16x32x32")
    }
    let width = Self.width(parameters, layout, length: shape.queryLength)
    guard width >= 1 else {
      throw .outOfRange(
        parameter: "sparsity", value: "\(parameters.sparsity)",
        rule: "with \(layout.text.count) text tokens and rounding \(parameters.rounding) it must "
          + "leave a band of at least one token")
    }
    var generator = SplitMix64(
      seed: Seed(UInt64(bitPattern: Int64(parameters.seed))).child("sparse-videogen/rows"))
    let queries = (0..<parameters.sampledRows).map { _ in
      generator.integer(below: min(layout.grid.count, 10_000))
    }
    self.parameters = parameters
    self.shape = shape
    self.layout = layout
    self.width = width
    self.queries = queries
    let band = KeyPattern.intersection([
      .band(from: 1 - width, to: width - 1), .queries(0..<layout.grid.count),
    ])
    heads = HeadPatterns(
      candidates: [
        HeadPattern(layout.withText(band)), Self.temporal(layout, width: width),
      ],
      choice: HeadChoice(rule: .leastError, queries: queries, complete: .all), shape: shape)
  }

  /// Tokens of the band on each side of a query, itself included.
  private static func width(_ parameters: Parameters, _ layout: GridLayout, length: Int) -> Int {
    let total = Double(length)
    let text = Double(layout.text.count)
    let kept = parameters.sparsity - 2 * text / total
    let share = 1 - (1 - min(max(kept, 0), 1)).squareRoot()
    return Int(total * share) / parameters.rounding * parameters.rounding
  }

  /// The band in the order of pixels; a query sees a span of pixels in every frame.
  private static func temporal(_ layout: GridLayout, width: Int) -> HeadPattern {
    let frames = layout.grid[0]
    let pixels = layout.grid.count / frames
    let spans = (0..<layout.grid.count).map { query -> [Range<Int>] in
      let place = query % pixels * frames + query / pixels
      return (0..<frames).compactMap { frame in
        // Pixels x with |x frames + frame - place| < width.
        let before = place - width - frame
        let low = before < 0 ? 0 : before / frames + 1
        let most = place + width - 1 - frame
        guard most >= 0 else { return nil }
        let high = min(most / frames, pixels - 1)
        return low <= high ? frame * pixels + low..<frame * pixels + high + 1 : nil
      }
    }
    let none = [[Range<Int>]](repeating: [], count: layout.text.count)
    let order = (0..<pixels).flatMap { pixel in (0..<frames).map { $0 * pixels + pixel } }
    return HeadPattern(
      layout.withText(.spans(SpanTable(spans + none))),
      order: .groups([order, Array(layout.text)]))
  }

  public var plan: Plan {
    Plan(shape: shape, stages: [.attend(Attend(rule: .patterns(heads)))])
  }

  /// Attention under the masks at hand, or under those that are best in Double.
  public func oracle(_ problem: ReferenceProblem) -> ReferenceOutput {
    problem.mapHeads { head, batch, queryHead in
      let index = batch * shape.queryHeads + queryHead
      let errors = problem.selection == nil ? self.errors(head) : [0, 0]
      let chosen =
        problem.selection?.blocks(head: index, row: 0).first ?? (errors[1] < errors[0] ? 1 : 0)
      return SoftmaxReference.attend(head, scale: shape.softmaxScale) {
        allows($0, $1, isTemporal: chosen == 1)
      }
    }
  }

  public func selectionDefects(_ problem: ReferenceProblem) -> [String] {
    guard let selection = problem.selection else { return ["no selection was made"] }
    var defects: [String] = []
    _ = problem.mapHeads { head, batch, queryHead in
      let index = batch * shape.queryHeads + queryHead
      let errors = errors(head)
      let chosen = selection.blocks(head: index, row: 0)
      // Squares of Float32 differences: rounding of single outputs is 1e-6 of their size.
      let slack = 1e-4 * (errors[0] + errors[1]) + 1e-9
      if chosen.count != 1 || errors[chosen[0]] > errors[1 - chosen[0]] + slack {
        defects.append("head \(index) chose \(chosen), errors are \(errors)")
      }
      return Rows(count: 0, width: 0)
    }
    return defects
  }

  /// Squared distance of sampled rows from dense ones, for the spatial and the temporal mask.
  private func errors(_ head: ReferenceHead) -> [Double] {
    let dense = SoftmaxReference.attend(
      head, scale: shape.softmaxScale, queries: queries, allows: { _, _ in true })
    return [false, true].map { isTemporal in
      let masked = SoftmaxReference.attend(head, scale: shape.softmaxScale, queries: queries) {
        allows($0, $1, isTemporal: isTemporal)
      }
      return queries.reduce(0) { sum, row in
        sum + zip(dense[row], masked[row]).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
      }
    }
  }

  private func allows(_ query: Int, _ key: Int, isTemporal: Bool) -> Bool {
    guard query < layout.grid.count, key < layout.grid.count else { return true }
    guard isTemporal else { return abs(query - key) < width }
    let pixels = layout.grid.count / layout.grid[0]
    func place(_ token: Int) -> Int { token % pixels * layout.grid[0] + token / pixels }
    return abs(place(query) - place(key)) < width
  }
}
