// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionReference

/// Attention inside blocks of a token grid, or across the grid at equal distances.
///
/// `block`: the grid is cut into blocks of `size` positions per axis; a query sees the keys of its
/// own. `grid`: a query sees the keys whose position differs from its own by multiples of `length /
/// size` on every axis, so that `size` positions per axis are spread over the whole. A layer runs
/// one part after the other. Tensors are those of ``Flash``; bidirectional self-attention on a grid
/// of rank 1 to 3.
///
/// - Requires: `size` within the grid, otherwise ``init(_:shape:)`` throws
///   ``MechanismError/outOfRange(parameter:value:rule:)``.
/// - Note: Exact on its mask; the relative bias of the paper is that of ``SwinWindow`` and left
///   out. A size as large as the grid is dense attention in both parts.
///
/// Source: Tu et al., *MaxViT* (2022), arXiv:2204.01697, section 3.2.
public struct MaxViT: AttentionMechanism {
  public enum Part: String, ParameterChoice {
    case block, grid
  }

  public struct Parameters: MechanismParameters {
    public var part = Part.grid
    public var size: Extents = [7]

    public init() {}

    public static let fields: [ParameterField<Parameters>] = [
      ParameterField("part", \.part, "Blocks of neighbours, or a grid across all tokens."),
      ParameterField("size", \.size, "Positions that see each other, per axis."),
    ]
  }

  public static let card = MechanismCard(
    id: "maxvit", title: "Block and grid attention", family: .local,
    origin: Citation("MaxViT: Multi-Axis Vision Transformer", arXiv: "2204.01697", year: 2022),
    summary: "Attention inside blocks, or to a coarse grid spread over all tokens.",
    patterns: [.noncausalSelf], exactness: .maskedExact, laws: [.rowStochastic, .headEquivariant],
    cost: "tokens prod(size) pairs")

  public let parameters: Parameters
  private let shape: AttentionShape
  private let layout: GridLayout
  private let size: Extents
  private let heads: HeadPatterns

  public init(_ parameters: Parameters, shape: AttentionShape) throws(MechanismError) {
    let layout = try GridLayout("maxvit", shape: shape)
    let size = try layout.withinGrid("size", parameters.size)
    self.parameters = parameters
    self.shape = shape
    self.layout = layout
    self.size = size
    let labels = layout.labels { axis, position in
      switch parameters.part {
      case .block: position / size[axis]
      case .grid: position % ((layout.grid[axis] + size[axis] - 1) / size[axis])
      }
    }
    heads = HeadPatterns(
      HeadPattern(.classes(TokenClasses(labels)), order: .classes(labels)), shape: shape)
  }

  public var plan: Plan {
    Plan(shape: shape, stages: [.attend(Attend(rule: .patterns(heads)))])
  }

  public func oracle(_ problem: ReferenceProblem) -> ReferenceOutput {
    let positions = layout.positions(count: shape.queryLength).map { $0 ?? [] }
    let steps = (0..<layout.grid.rank).map { axis in
      Int((Double(layout.grid[axis]) / Double(size[axis])).rounded(.up))
    }
    return problem.mapHeads { head, _, _ in
      SoftmaxReference.attend(head, scale: shape.softmaxScale) { query, key in
        (0..<layout.grid.rank).allSatisfy { axis in
          let (from, to) = (positions[query][axis], positions[key][axis])
          return parameters.part == .block
            ? from / size[axis] == to / size[axis] : (from - to) % steps[axis] == 0
        }
      }
    }
  }
}
