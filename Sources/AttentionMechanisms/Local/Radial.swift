// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionReference

/// Attention between the frames of a video that thins out with their distance in time.
///
/// With `n` tokens per frame, `D` the distance of two frames, `g` the bit length of `D` and `L =
/// 2^bitlength(n) / 2^g`: every query sees all of frame 0; frames at `D <= 1` see each other whole
/// (`wan`: a frame sees half a frame around the place in the next one); beyond, a query at place
/// `x` of its frame sees the places within `max(decay L, blockSize)`, and where `L < blockSize`
/// only in frames with `D mod floor(blockSize / L) == 0`. The `block` form rounds this token mask
/// to blocks of consecutive tokens: within a pair of frames a block is seen if, among its columns
/// with any token, more than 0.6 are filled by more than a third; blocks that straddle frames are
/// seen if any of their parts is. Text tokens after the video see and are seen by everything.
/// Tensors are those of ``Flash``; bidirectional self-attention, the outermost axis of the grid
/// being time.
///
/// - Requires: a grid of rank 2 or 3, `blockSize >= 1` and `decay > 0`, otherwise
///   ``init(_:shape:)`` throws ``MechanismError``.
/// - Note: Exact on its mask. Two frames are dense attention.
///
/// Source: Li et al., *Radial Attention* (2025), arXiv:2506.19852, section 4, with the widths and
/// the block rule of the authors' code.
public struct Radial: AttentionMechanism {
  public enum Form: String, ParameterChoice {
    case token, block
  }

  /// Which model's rule for neighbouring frames holds.
  public enum Model: String, ParameterChoice {
    case hunyuan, wan
  }

  public struct Parameters: MechanismParameters {
    public var form = Form.block
    public var blockSize = 128
    public var decay = 1.0
    public var model = Model.hunyuan
    public var textTokens = 0
    public var grid: Extents = [0]

    public init() {}

    public static let fields: [ParameterField<Parameters>] = [
      ParameterField("form", \.form, "Whether the mask is one of tokens or of blocks."),
      ParameterField("blockSize", \.blockSize, "Least width of a band; tokens of a block."),
      ParameterField("decay", \.decay, "Factor of the band widths."),
      ParameterField("model", \.model, "Whose rule for neighbouring frames holds."),
      ParameterField("textTokens", \.textTokens, "Text tokens after the video."),
      ParameterField("grid", \.grid, "The grid where there is text; 0 takes the shape's."),
    ]
  }

  public static let card = MechanismCard(
    id: "radial", title: "Radial attention", family: .local,
    origin: Citation(
      "Radial Attention: O(n log n) Sparse Attention with Energy Decay for Long Video Generation",
      arXiv: "2506.19852", year: 2025),
    summary: "Bands between frames that halve in width as the distance in time doubles.",
    patterns: [.noncausalSelf], exactness: .maskedExact, laws: [.rowStochastic, .headEquivariant],
    cost: "tokens (frame tokens) log2(frames) pairs, up to a factor, plus those of frame 0")

  public let parameters: Parameters
  private let shape: AttentionShape
  private let layout: GridLayout
  private let rule: RadialRule
  private let heads: HeadPatterns

  public init(_ parameters: Parameters, shape: AttentionShape) throws(MechanismError) {
    try Self.require("blockSize", parameters.blockSize, atLeast: 1)
    guard parameters.decay > 0 else {
      throw .outOfRange(
        parameter: "decay", value: "\(parameters.decay)", rule: "it must be above 0")
    }
    let layout = try GridLayout(
      "radial", grid: parameters.grid, textTokens: parameters.textTokens, shape: shape)
    guard layout.grid.rank >= 2 else {
      throw .unsupportedShape(
        mechanism: "radial", shape: shape.description,
        rule: "the grid must have a time axis and at least one in space, such as 16x32x32")
    }
    self.parameters = parameters
    self.shape = shape
    self.layout = layout
    let rule = RadialRule(
      frames: layout.grid[0], frameTokens: layout.grid.count / layout.grid[0],
      blockSize: parameters.blockSize, decay: parameters.decay, isWan: parameters.model == .wan)
    self.rule = rule
    try Self.checkSteps(rule, parameters.form)
    let keys: KeyPattern
    switch parameters.form {
    case .token:
      keys = .spans(SpanTable((0..<shape.queryLength).map { rule.spans(query: $0) }))
    case .block:
      let blocks = BlockTable(
        queryBlock: rule.blockSize, keyBlock: rule.blockSize, rows: rule.blockRows())
      keys = .intersection([
        .blocks(blocks), .keys(0..<layout.grid.count),
      ])
    }
    heads = HeadPatterns(
      HeadPattern(layout.withText(keys), order: Self.order(rule, shape)), shape: shape)
  }

  /// Both forms look at pairs of frames, which a long sequence of small ones has too many of.
  private static func checkSteps(_ rule: RadialRule, _ form: Form) throws(MechanismError) {
    let tokens = rule.frames * rule.frameTokens
    switch form {
    case .token:
      let (spans, overflows) = tokens.multipliedReportingOverflow(by: rule.frames)
      guard overflows || spans > PlanLimits.mostSpans else { return }
      throw .outOfRange(
        parameter: "grid", value: "\(rule.frames) frames of \(rule.frameTokens) tokens",
        rule: "tokens times frames must be at most \(PlanLimits.mostSpans)")
    case .block:
      let parts = max((tokens - 1) / rule.blockSize + 1, rule.frames)
      let columns = min(rule.blockSize, rule.frameTokens)
      let steps = Extents([parts, parts, columns]).checkedCount ?? .max
      guard steps > PlanLimits.mostSteps else { return }
      throw .outOfRange(
        parameter: "blockSize", value: "\(rule.blockSize)",
        rule: "\(rule.frames) frames of \(rule.frameTokens) tokens have \(steps) columns of blocks "
          + "to look at, at most \(PlanLimits.mostSteps); use larger blocks or fewer frames")
    }
  }

  /// Strips end where blocks and frames do.
  private static func order(_ rule: RadialRule, _ shape: AttentionShape) -> QueryOrder {
    .classes(
      (0..<shape.queryLength).map {
        2 * ($0 / rule.blockSize) + ($0 < rule.frames * rule.frameTokens ? 0 : 1)
      })
  }

  public var plan: Plan {
    Plan(shape: shape, stages: [.attend(Attend(rule: .patterns(heads)))])
  }

  public func oracle(_ problem: ReferenceProblem) -> ReferenceOutput {
    let video = layout.grid.count
    let blocks = parameters.form == .block ? visibleBlocks() : []
    let rows = (video + parameters.blockSize - 1) / parameters.blockSize
    return problem.mapHeads { head, _, _ in
      SoftmaxReference.attend(head, scale: shape.softmaxScale) { query, key in
        guard query < video, key < video else { return true }
        guard parameters.form == .block else { return allows(query, key) }
        return blocks.contains(
          query / parameters.blockSize * rows + key / parameters.blockSize)
      }
    }
  }

  /// The token mask, pair by pair.
  private func allows(_ query: Int, _ key: Int) -> Bool {
    let tokens = layout.grid.count / layout.grid[0]
    let (distance, apart) = (
      abs(query / tokens - key / tokens), abs(query % tokens - key % tokens)
    )
    if key < tokens { return true }
    let bits = { (number: Int) in String(number, radix: 2).count - (number == 0 ? 1 : 0) }
    var length = 1.0
    for _ in 0..<bits(tokens) { length *= 2 }
    for _ in 0..<bits(distance) { length /= 2 }
    let least = Double(parameters.blockSize)
    if length < least, distance % Int(least / length) != 0 { return false }
    if distance == 0 || distance == 1 && parameters.model == .hunyuan { return apart <= tokens }
    if distance == 1 { return apart <= tokens / 2 }
    return Double(apart) <= max(length * parameters.decay, least)
  }

  /// Indices `row * rows + column` of the blocks that are seen, by counting tokens.
  private func visibleBlocks() -> Set<Int> {
    let size = parameters.blockSize
    let tokens = layout.grid.count / layout.grid[0]
    let rows = (layout.grid.count + size - 1) / size
    var seen: Set<Int> = []
    for block in 0..<rows * rows {
      let (row, column) = block.quotientAndRemainder(dividingBy: rows)
      let queries = row * size..<min((row + 1) * size, layout.grid.count)
      let keys = column * size..<min((column + 1) * size, layout.grid.count)
      for from in queries.lowerBound / tokens...(queries.upperBound - 1) / tokens {
        for to in keys.lowerBound / tokens...(keys.upperBound - 1) / tokens {
          let fills = keys.filter { $0 / tokens == to }.map { key in
            queries.count { $0 / tokens == from && allows($0, key) }
          }
          let dense = fills.count { 3 * $0 > size }
          if Double(dense) > 0.6 * Double(fills.count { $0 > 0 }) { seen.insert(block) }
        }
      }
    }
    return seen
  }
}
