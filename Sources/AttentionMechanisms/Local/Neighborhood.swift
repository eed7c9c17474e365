// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionReference

/// Softmax attention in which each query attends to a window of keys around it on a token grid.
///
/// Per axis the window holds `window` keys, `dilation` tokens apart, centred on the query (even
/// windows have one more key before it) and shifted, never shrunk, at the ends. A `stride` above 1
/// lets that many neighbouring queries share the window of the middle one; `stride == window` is
/// blocked attention, `window == grid` dense attention. On a causal axis the window ends with the
/// query itself. Keys beyond the grid (`extraKeys`) are visible to every query.
///
/// | Tensor | Shape                                                        |
/// |--------|--------------------------------------------------------------|
/// | query  | `[batch, queryHeads, tokens, headDim]`, tokens in grid order |
/// | key    | `[batch, keyValueHeads, tokens + extraKeys, headDim]`        |
/// | value  | `[batch, keyValueHeads, tokens + extraKeys, valueDim]`       |
/// | output | `[batch, queryHeads, tokens, valueDim]`                      |
///
/// - Requires: `1 <= stride <= window` and `window * dilation <= axis length`, otherwise
///   ``init(_:shape:)`` throws ``MechanismError/outOfRange(parameter:value:rule:)``.
/// - Note: Exact on its mask.
///
/// Source: Hassani et al., *Generalized Neighborhood Attention* (2025), arXiv:2504.16922; NAT
/// (arXiv:2204.07143), DiNAT (arXiv:2209.15001), Faster NA (arXiv:2403.04690).
public struct Neighborhood: AttentionMechanism {
  public struct Parameters: MechanismParameters {
    /// Keys each query attends to, per axis; one number stands for every axis.
    public var window: Extents = [7]
    public var stride: Extents = [1]
    public var dilation: Extents = [1]
    public var causalAxes = AxisSet()
    public var extraKeys = 0
    public var tiles = TileForm.auto

    public init() {}

    public static let fields: [ParameterField<Parameters>] = [
      ParameterField("window", \.window, "Keys each query attends to, per axis."),
      ParameterField("stride", \.stride, "Queries that share one window, per axis."),
      ParameterField("dilation", \.dilation, "Distance between keys of a window, per axis."),
      ParameterField(
        "causalAxes", \.causalAxes, "Axes on which no later key is visible, outermost 0."),
      ParameterField("extraKeys", \.extraKeys, "Keys after the grid that every query sees."),
      ParameterField(
        "tiles", \.tiles,
        "Query tiles: multi-dimensional (grid), consecutive tokens (flat), none (diagonal) or auto.",
        changesResult: false),
    ]
  }

  public enum TileForm: String, ParameterChoice {
    /// The faster of `diagonal` and `grid` by the sizes of the mask.
    case auto
    /// Multi-dimensional query tiles.
    case grid
    /// Consecutive tokens of the flattened grid.
    case flat
    /// Each query lane against its own window; `grid` where a window does not slide.
    case diagonal
  }

  public static let card = MechanismCard(
    id: "neighborhood", title: "Generalized neighborhood attention", family: .local,
    origin: Citation(
      "Generalized Neighborhood Attention: Multi-dimensional Sparse Attention at the Speed of Light",
      arXiv: "2504.16922", year: 2025),
    summary: "Each query attends to a window of keys around it on a 1-D to 3-D token grid.",
    patterns: [.noncausalSelf, .causalSelf, .noncausalCross], exactness: .maskedExact,
    laws: [.rowStochastic, .headEquivariant, .causal],
    cost: "2 tokens prod(window) (headDim + valueDim) operations, tokens prod(window) exponentials")

  public let parameters: Parameters
  private let shape: AttentionShape
  private let grid: Extents
  private let mask: NeighborhoodMask

  public init(_ parameters: Parameters, shape: AttentionShape) throws(MechanismError) {
    let grid = shape.grid ?? [shape.queryLength]
    var parameters = parameters
    parameters.window = try Self.perAxis("window", parameters.window, grid)
    parameters.stride = try Self.perAxis("stride", parameters.stride, grid)
    parameters.dilation = try Self.perAxis("dilation", parameters.dilation, grid)
    try Self.check(parameters, grid: grid, shape: shape)
    if shape.isCausal { parameters.causalAxes = AxisSet([0]) }
    self.parameters = parameters
    self.shape = shape
    self.grid = grid
    mask = NeighborhoodMask(
      axes: (0..<grid.rank).map { axis in
        AxisWindow(
          length: grid[axis], window: parameters.window[axis], stride: parameters.stride[axis],
          dilation: parameters.dilation[axis],
          isCausal: parameters.causalAxes.axes.contains(axis))
      }, extraKeys: parameters.extraKeys)
  }

  public var plan: Plan {
    Plan(
      shape: shape, stages: [.attend(Attend(rule: .neighborhood(mask), queryTiling: tiling))])
  }

  private var tiling: QueryTiling {
    switch parameters.tiles {
    case .auto: mask.prefersDiagonal ? .diagonal : .fitted
    case .grid: .fitted
    case .flat: grid.rank > 1 ? .flat : .fitted
    case .diagonal: mask.slides ? .diagonal : .fitted
    }
  }

  public func oracle(_ problem: ReferenceProblem) -> ReferenceOutput {
    let coordinates = (0..<grid.count).map { grid.coordinate(of: $0) }
    return problem.mapHeads { head, _, _ in
      SoftmaxReference.attend(head, scale: shape.softmaxScale) { query, key in
        key >= grid.count
          || (0..<grid.rank).allSatisfy { axis in
            allows(coordinates[query][axis], coordinates[key][axis], axis: axis)
          }
      }
    }
  }

  /// Whether position `query` sees position `key` of one axis: the rule of NATTEN's reference, in
  /// the form "start of a clipped window" with keys to the left and right of the leader.
  private func allows(_ query: Int, _ key: Int, axis: Int) -> Bool {
    let window = parameters.window[axis]
    let stride = parameters.stride[axis]
    let dilation = parameters.dilation[axis]
    guard query % dilation == key % dilation else { return false }
    let count = (0..<grid[axis]).count { $0 % dilation == query % dilation }
    let (i, j) = (query / dilation, key / dilation)
    guard !parameters.causalAxes.axes.contains(axis) else {
      let leader = Swift.min((i / stride) * stride + stride - 1, count - 1)
      return j <= i && j > leader - window
    }
    let leader = Swift.min((i / stride) * stride + stride / 2, count - 1)
    let right = window / 2 + window % 2 - 1
    var start = Swift.max(leader - window / 2, 0)
    if leader + right >= count { start += count - right - leader - 1 }
    return j >= start && j < start + window
  }
}

extension Neighborhood {
  /// `value` with one entry per axis of `grid`; a single number is repeated.
  private static func perAxis(
    _ name: String, _ value: Extents, _ grid: Extents
  ) throws(MechanismError) -> Extents {
    if value.rank == 1 { return Extents([Int](repeating: value[0], count: grid.rank)) }
    guard value.rank == grid.rank else {
      throw .wrongRank(parameter: name, value: value, rank: grid.rank)
    }
    return value
  }

  private static func check(
    _ parameters: Parameters, grid: Extents, shape: AttentionShape
  ) throws(MechanismError) {
    for axis in 0..<grid.rank {
      let (window, stride) = (parameters.window[axis], parameters.stride[axis])
      let dilation = parameters.dilation[axis]
      guard dilation >= 1, dilation <= grid[axis] else {
        throw .outOfRange(
          parameter: "dilation", value: "\(parameters.dilation)",
          rule: "every axis must lie in 1...\(grid[axis]), the grid's length")
      }
      guard window >= 1 else {
        throw .outOfRange(
          parameter: "window", value: "\(parameters.window)",
          rule: "on axis \(axis) it must be at least 1")
      }
      guard window <= grid[axis] / dilation else {
        throw .outOfRange(
          parameter: "window", value: "\(parameters.window)",
          rule: "on axis \(axis) window x dilation must not exceed the grid: "
            + "\(window) x \(dilation) > \(grid[axis])")
      }
      guard stride >= 1, stride <= window else {
        throw .outOfRange(
          parameter: "stride", value: "\(parameters.stride)",
          rule: "on axis \(axis) it must lie in 1...\(window), the window")
      }
    }
    guard parameters.causalAxes.axes.allSatisfy({ $0 >= 0 && $0 < grid.rank }) else {
      throw .outOfRange(
        parameter: "causalAxes", value: parameters.causalAxes.parameterText,
        rule: "axes of grid \(grid) are 0...\(grid.rank - 1)")
    }
    guard !shape.isCausal || grid.rank == 1 else {
      throw .unsupportedShape(
        mechanism: "neighborhood", shape: shape.description,
        rule: "on a grid of rank \(grid.rank) name the causal axes with causalAxes instead")
    }
    guard parameters.extraKeys >= 0, shape.keyLength == grid.count + parameters.extraKeys else {
      throw .unsupportedShape(
        mechanism: "neighborhood", shape: shape.description,
        rule: "the key length must be the grid's \(grid.count) tokens + extraKeys "
          + "= \(parameters.extraKeys)")
    }
  }
}
