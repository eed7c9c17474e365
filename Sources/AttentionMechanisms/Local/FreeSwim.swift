// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionReference

/// Attention to a window of positions around each query, in every frame of a video.
///
/// A query at `(y, x)` of any frame sees, in all frames, `2 halfWindow + 1` positions per spatial
/// axis: those around it, shifted inside at the borders. Grids of rank 3 are frames x height x
/// width; on grids of lower rank all axes are spatial. Tensors are those of ``Flash``;
/// bidirectional self-attention.
///
/// - Requires: `2 halfWindow + 1` within the spatial grid, otherwise ``init(_:shape:)`` throws
///   ``MechanismError/outOfRange(parameter:value:rule:)``.
/// - Note: Exact on its mask: ``Neighborhood`` in space, dense in time. The paper's scale of the
///   scores, which grows with the resolution, is the shape's `scale`.
///
/// Source: Wu et al., *FreeSwim* (2025), with the authors' code; position rule as there.
public struct FreeSwim: AttentionMechanism {
  public struct Parameters: MechanismParameters {
    public var halfWindow: Extents = [7]

    public init() {}

    public static let fields: [ParameterField<Parameters>] = [
      ParameterField("halfWindow", \.halfWindow, "Positions seen on each side, per spatial axis.")
    ]
  }

  public static let card = MechanismCard(
    id: "freeswim", title: "Inward sliding window attention", family: .local,
    origin: Citation(
      "FreeSwim: Revisiting Sliding-Window Attention Mechanisms for Training-Free "
        + "Ultra-High-Resolution Video Generation", arXiv: nil, year: 2025),
    summary: "A spatial window around each query, the same in every frame of a video.",
    patterns: [.noncausalSelf], exactness: .maskedExact, laws: [.rowStochastic, .headEquivariant],
    cost: "tokens frames prod(2 halfWindow + 1) pairs")

  public let parameters: Parameters
  private let shape: AttentionShape
  private let layout: GridLayout
  /// Window per axis, the whole of the frame axis.
  private let window: Extents
  private let mask: NeighborhoodMask

  public init(_ parameters: Parameters, shape: AttentionShape) throws(MechanismError) {
    let layout = try GridLayout("freeswim", shape: shape)
    let isVideo = layout.grid.rank == 3
    let space = isVideo ? Extents(Array(layout.grid.values.dropFirst())) : layout.grid
    let half = parameters.halfWindow
    guard half.rank == 1 || half.rank == space.rank else {
      throw .wrongRank(parameter: "halfWindow", value: half, rank: space.rank)
    }
    let sides = (0..<space.rank).map { 2 * half[half.rank == 1 ? 0 : $0] + 1 }
    guard zip(sides, space.values).allSatisfy({ $0 >= 1 && $0 <= $1 }) else {
      throw .outOfRange(
        parameter: "halfWindow", value: "\(half)",
        rule: "windows of 2 halfWindow + 1 must lie in 1 ... the spatial grid, \(space)")
    }
    self.parameters = parameters
    self.shape = shape
    self.layout = layout
    let window = Extents((isVideo ? [layout.grid[0]] : []) + sides)
    self.window = window
    mask = NeighborhoodMask(
      axes: (0..<layout.grid.rank).map {
        AxisWindow(
          length: layout.grid[$0], window: window[$0], stride: 1, dilation: 1, isCausal: false)
      })
  }

  public var plan: Plan {
    Plan(
      shape: shape,
      stages: [
        .attend(
          Attend(
            rule: .neighborhood(mask), queryTiling: mask.prefersDiagonal ? .diagonal : .fitted))
      ])
  }

  public func oracle(_ problem: ReferenceProblem) -> ReferenceOutput {
    let positions = layout.positions(count: shape.queryLength).map { $0 ?? [] }
    let spatial = layout.grid.rank == 3 ? 1..<3 : 0..<layout.grid.rank
    return problem.mapHeads { head, _, _ in
      SoftmaxReference.attend(head, scale: shape.softmaxScale) { query, key in
        spatial.allSatisfy { axis in
          let half = window[axis] / 2
          let from = positions[query][axis]
          // What the window lacks at one border it gains at the other side.
          let low = from - half - max(half - (layout.grid[axis] - 1 - from), 0)
          let high = from + half + max(half - from, 0)
          return positions[key][axis] >= low && positions[key][axis] <= high
        }
      }
    }
  }
}
