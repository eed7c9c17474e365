// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionReference

/// Attention to a window of whole tiles of a token grid that slides from tile to tile.
///
/// The grid is cut into tiles of `tile` tokens. Per axis, a query in tile `a` of `n` sees the tiles
/// `x` with `|c - x| <= k / 2`, `c` being `a` kept `k / 2` tiles away from both ends and `k` the
/// window, so an even window sees one tile more. Heads take the entries of `windows` in turn. Text
/// tokens after the grid see and are seen by everything. No tile pair is ever partly masked.
/// Tensors are those of ``Flash``; bidirectional self-attention.
///
/// - Requires: `tile` within the grid and windows of at least one tile, otherwise
///   ``init(_:shape:)`` throws ``MechanismError/outOfRange(parameter:value:rule:)``.
/// - Note: Exact on its mask. Odd windows that fit the grid are ``Neighborhood`` with `stride` =
///   `tile` and `window` = windows x tile; windows that reach from every tile to both ends are
///   dense attention. Where a tile does not divide an axis the last one is shorter.
///
/// Source: Zhang et al., *Fast Video Generation with Sliding Tile Attention* (2025),
/// arXiv:2502.04507, section 3.
public struct SlidingTile: AttentionMechanism {
  public struct Parameters: MechanismParameters {
    public var tile: Extents = [6, 8, 8]
    public var windows = ExtentsList([[3, 3, 3]])
    public var textTokens = 0
    public var grid: Extents = [0]

    public init() {}

    public static let fields: [ParameterField<Parameters>] = [
      ParameterField("tile", \.tile, "Tokens of a tile, per axis."),
      ParameterField("windows", \.windows, "Tiles each query sees, per axis; heads take turns."),
      ParameterField("textTokens", \.textTokens, "Text tokens after the grid."),
      ParameterField("grid", \.grid, "The grid where there is text; 0 takes the shape's."),
    ]
  }

  public static let card = MechanismCard(
    id: "sliding-tile", title: "Sliding tile attention", family: .local,
    origin: Citation(
      "Fast Video Generation with Sliding Tile Attention", arXiv: "2502.04507", year: 2025),
    summary: "A window of whole tiles slides over a token grid: no partly masked tiles.",
    patterns: [.noncausalSelf], exactness: .maskedExact, laws: [.rowStochastic],
    cost: "tokens prod(window tile) pairs, more with text")

  public let parameters: Parameters
  private let shape: AttentionShape
  private let layout: GridLayout
  private let tile: Extents
  private let windows: [Extents]
  private let heads: HeadPatterns

  public init(_ parameters: Parameters, shape: AttentionShape) throws(MechanismError) {
    let layout = try GridLayout(
      "sliding-tile", grid: parameters.grid, textTokens: parameters.textTokens, shape: shape)
    let tile = try layout.withinGrid("tile", parameters.tile)
    var windows: [Extents] = []
    for item in parameters.windows.items {
      windows.append(try layout.perAxis("windows", item, atLeast: 1))
    }
    self.parameters = parameters
    self.shape = shape
    self.layout = layout
    self.tile = tile
    self.windows = windows
    let order = layout.tiles(tile)
    let patterns = windows.map { window in
      let ranges = (0..<layout.grid.rank).map { axis in
        Self.ranges(length: layout.grid[axis], tile: tile[axis], window: window[axis])
      }
      let boxes = GridBoxes(grid: layout.grid, firstToken: layout.firstToken, ranges: ranges)
      return HeadPattern(layout.withText(.boxes(boxes)), order: order)
    }
    heads = HeadPatterns(
      perHead: (0..<shape.queryHeads).map { patterns[$0 % patterns.count] }, shape: shape)
  }

  /// The positions that each position of an axis sees.
  private static func ranges(length: Int, tile: Int, window: Int) -> [Range<Int>] {
    let tiles = (length + tile - 1) / tile
    let half = window / 2
    return (0..<length).map { position in
      let centre = min(max(position / tile, half), tiles - 1 - half)
      let first = max(centre - half, 0)
      let last = min(centre + half, tiles - 1)
      return first * tile..<min((last + 1) * tile, length)
    }
  }

  public var plan: Plan {
    Plan(shape: shape, stages: [.attend(Attend(rule: .patterns(heads)))])
  }

  public func oracle(_ problem: ReferenceProblem) -> ReferenceOutput {
    let positions = layout.positions(count: shape.queryLength)
    return problem.mapHeads { head, _, queryHead in
      let window = windows[queryHead % windows.count]
      return SoftmaxReference.attend(head, scale: shape.softmaxScale) { query, key in
        guard let from = positions[query], let to = positions[key] else { return true }
        return (0..<layout.grid.rank).allSatisfy { axis in
          let last = (layout.grid[axis] - 1) / tile[axis]
          var distance = to[axis] / tile[axis] - from[axis] / tile[axis]
          // A query near an end looks from the nearest tile whose window fits.
          let (before, after) = (from[axis] / tile[axis], last - from[axis] / tile[axis])
          if after < window[axis] / 2 {
            distance += window[axis] / 2 - after
          } else if before < window[axis] / 2 {
            distance -= min(window[axis] / 2 - before, after - window[axis] / 2)
          }
          return abs(distance) <= window[axis] / 2
        }
      }
    }
  }
}
