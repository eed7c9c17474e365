// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionReference

/// Attention inside windows of a token grid, with shifted windows and a relative position bias.
///
/// The grid is cut into windows of `window` positions; a query sees the keys of its own. Shifted
/// heads cut half a window earlier (`window / 2`, rounded down); rolled windows that hold both ends
/// of an axis are two windows, as the region mask of the paper makes them. On an axis no longer
/// than the window nothing is shifted. The weight `bias` adds a term per head and offset to the
/// scores. Tensors are those of ``Flash``; bidirectional self-attention on a grid of rank 1 to 3.
///
/// - Requires: windows of at least one position, otherwise ``init(_:shape:)`` throws
///   ``MechanismError/outOfRange(parameter:value:rule:)``.
/// - Note: Exact on its mask. Without bias, an unshifted window that divides the grid is
///   ``Neighborhood`` with `stride` = `window`, and a window as large as the grid is dense
///   attention. Where a window does not divide an axis the last one is shorter.
///
/// Source: Liu et al., *Swin Transformer* (2021), arXiv:2103.14030, sections 3.1-3.2; Zhang et al.,
/// *StyleSwin* (2021), arXiv:2112.10762 (half of the heads shifted).
public struct SwinWindow: AttentionMechanism {
  /// The heads whose windows are shifted.
  public enum Shift: String, ParameterChoice {
    case none, half, all
  }

  public struct Parameters: MechanismParameters {
    public var window: Extents = [7]
    public var shift = Shift.none
    public var relativeBias = true

    public init() {}

    public static let fields: [ParameterField<Parameters>] = [
      ParameterField("window", \.window, "Positions of a window, per axis."),
      ParameterField("shift", \.shift, "Heads whose windows are shifted by half a window."),
      ParameterField("relativeBias", \.relativeBias, "Whether scores get a term per offset."),
    ]
  }

  public static let card = MechanismCard(
    id: "swin-window", title: "Shifted window attention", family: .local,
    origin: Citation(
      "Swin Transformer: Hierarchical Vision Transformer using Shifted Windows",
      arXiv: "2103.14030", year: 2021),
    summary: "Attention inside windows of a token grid, shifted by half a window in turn.",
    patterns: [.noncausalSelf], exactness: .maskedExact, laws: [.rowStochastic],
    cost: "tokens prod(window) pairs")

  public let parameters: Parameters
  private let shape: AttentionShape
  private let layout: GridLayout
  private let window: Extents
  private let heads: HeadPatterns

  public init(_ parameters: Parameters, shape: AttentionShape) throws(MechanismError) {
    let layout = try GridLayout("swin-window", shape: shape)
    let window = try layout.perAxis("window", parameters.window, atLeast: 1)
    self.parameters = parameters
    self.shape = shape
    self.layout = layout
    self.window = window
    let bias: ScoreBias =
      parameters.relativeBias
      ? .relative(RelativeBias(weight: "bias", grid: layout.grid, reach: Self.reach(window)))
      : .none
    heads = HeadPatterns(
      perHead: (0..<shape.queryHeads).map { head in
        let isShifted = Self.isShifted(parameters.shift, head, of: shape.queryHeads)
        let labels = layout.labels { axis, position in
          let size = window[axis]
          // The first window of a shifted axis holds what rolling carries to the end.
          let lead = isShifted && layout.grid[axis] > size ? size - size / 2 : 0
          return (position + lead) / size
        }
        return HeadPattern(
          .classes(TokenClasses(labels)), order: .classes(labels), bias: bias)
      }, shape: shape)
  }

  private static func reach(_ window: Extents) -> Extents { Extents(window.values.map { $0 - 1 }) }

  private static func isShifted(_ shift: Shift, _ head: Int, of heads: Int) -> Bool {
    switch shift {
    case .none: false
    case .half: head >= heads - heads / 2
    case .all: true
    }
  }

  public var plan: Plan {
    Plan(shape: shape, stages: [.attend(Attend(rule: .patterns(heads)))])
  }

  public var weightSpecifications: [WeightSpecification] {
    guard parameters.relativeBias else { return [] }
    return [
      WeightSpecification(
        name: "bias", extents: [shape.queryHeads] + window.values.map { 2 * $0 - 1 },
        layout: "[queryHeads, 2 window - 1 per axis]",
        meaning: "term added to the score by the offset from query to key; standard normal")
    ]
  }

  public func drawWeights(_ seed: Seed) -> WeightSet {
    guard let bias = weightSpecifications.first else { return WeightSet() }
    var generator = SplitMix64(seed: seed.child("swin-window/bias"))
    let count = bias.extents.reduce(1, *)
    return WeightSet(["bias": Tensor(bias.extents, (0..<count).map { _ in generator.normal() })])
  }

  public func oracle(_ problem: ReferenceProblem) -> ReferenceOutput {
    let grid = layout.grid
    let positions = layout.positions(count: shape.queryLength).map { $0 ?? [] }
    let bias = parameters.relativeBias ? problem.weights["bias"].array : []
    let size = window.values.reduce(1) { $0 * (2 * $1 - 1) }
    return problem.mapHeads { head, _, queryHead in
      let isShifted = Self.isShifted(parameters.shift, queryHead, of: shape.queryHeads)
      // Rolled windows with the regions that the mask keeps apart, as in the paper's code.
      func place(_ position: Int, _ axis: Int) -> Int {
        let (length, width) = (grid[axis], window[axis])
        guard isShifted, length > width else { return position / width }
        let rolled = (position - width / 2 + length) % length
        return rolled + width / 2 >= length ? -1 : rolled / width
      }
      let places = positions.map { position in
        (0..<grid.rank).map { place(position[$0], $0) }
      }
      return SoftmaxReference.attend(
        head, scale: shape.softmaxScale,
        bias: { query, key in
          guard !bias.isEmpty else { return 0 }
          let index = (0..<grid.rank).reduce(0) { index, axis in
            let offset = positions[key][axis] - positions[query][axis]
            return index * (2 * window[axis] - 1) + offset + window[axis] - 1
          }
          return Double(bias[queryHead * size + index])
        },
        allows: { places[$0] == places[$1] })
    }
  }
}
