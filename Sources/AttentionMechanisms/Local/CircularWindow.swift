// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionReference

/// Attention to a disk of tokens around each query of an image, and to text.
///
/// A query at `(y, x)` sees the keys nearer than `radius` (strictly). With a `downFactor` it also
/// sees the mean key and value of every cell of `downFactor` x `downFactor` positions, each as one
/// key. Text tokens before the image see all tokens but no means, and everything sees them. Tensors
/// are those of ``Flash``; bidirectional self-attention on a grid of rank 1 to 3.
///
/// - Requires: `radius >= 1`, `downFactor >= 0`, otherwise ``init(_:shape:)`` throws
///   ``MechanismError/outOfRange(parameter:value:rule:)``.
/// - Note: Exact on its mask; a radius above the grid's diagonal is dense attention. The paper
///   learns the weights of a cell from the mean; here they stay there.
///
/// Source: Liu et al., *CLEAR: Conv-Like Linearization Revs Pre-Trained Diffusion Transformers Up*
/// (2024), arXiv:2412.16112, section 3; means as in the authors' code.
public struct CircularWindow: AttentionMechanism {
  public struct Parameters: MechanismParameters {
    public var radius = 16
    public var downFactor = 0
    public var textTokens = 0
    public var grid: Extents = [0]

    public init() {}

    public static let fields: [ParameterField<Parameters>] = [
      ParameterField("radius", \.radius, "Distance below which a key is seen, in positions."),
      ParameterField(
        "downFactor", \.downFactor, "Side of the cells whose means are seen, 0 for none."),
      ParameterField("textTokens", \.textTokens, "Text tokens before the image."),
      ParameterField("grid", \.grid, "The grid where there is text; 0 takes the shape's."),
    ]
  }

  public static let card = MechanismCard(
    id: "clear", title: "Circular window attention", family: .local,
    origin: Citation(
      "CLEAR: Conv-Like Linearization Revs Pre-Trained Diffusion Transformers Up",
      arXiv: "2412.16112", year: 2024),
    summary: "Each query sees a disk of tokens, text and, if wished, means of cells.",
    patterns: [.noncausalSelf], exactness: .maskedExact, laws: [.rowStochastic, .headEquivariant],
    cost: "tokens (pi radius^2 + tokens / downFactor^2) pairs in two dimensions")

  public let parameters: Parameters
  private let shape: AttentionShape
  private let layout: GridLayout
  private let heads: HeadPatterns

  public init(_ parameters: Parameters, shape: AttentionShape) throws(MechanismError) {
    try Self.require("radius", parameters.radius, atLeast: 1)
    try Self.require("downFactor", parameters.downFactor, atLeast: 0)
    let layout = try GridLayout(
      "clear", grid: parameters.grid, textTokens: parameters.textTokens, textFirst: true,
      shape: shape)
    self.parameters = parameters
    self.shape = shape
    self.layout = layout
    let cells = parameters.downFactor > 0 ? Self.cells(layout, side: parameters.downFactor) : []
    let keys = layout.withText(.spans(Self.disks(layout, radius: parameters.radius)))
    let image = layout.text.upperBound..<shape.queryLength
    heads = HeadPatterns(
      HeadPattern(
        keys, order: layout.bands,
        summaries: cells.isEmpty
          ? nil : .intersection([.queries(image), .keys(0..<cells.count)])),
      summaries: cells.isEmpty
        ? nil : KeySummaries(groups: SpanTable(cells), weighsAsGroup: false), shape: shape)
  }

  /// The keys of every query's disk, row by row along the last axis.
  private static func disks(_ layout: GridLayout, radius: Int) -> SpanTable {
    let last = layout.grid.rank - 1
    return SpanTable(
      (0..<layout.grid.count + layout.text.count).map { query -> [Range<Int>] in
        guard let centre = layout.position(query) else { return [] }
        var rows: [(position: [Int], left: Int)] = [(centre, radius * radius - 1)]
        for axis in 0..<last {
          rows = rows.flatMap { row in
            let reach = root(row.left)
            let most = min(centre[axis] + reach, layout.grid[axis] - 1)
            return (max(centre[axis] - reach, 0)...most).map { place in
              var position = row.position
              position[axis] = place
              return (position, row.left - (place - centre[axis]) * (place - centre[axis]))
            }
          }
        }
        return rows.map { row in
          let reach = root(row.left)
          let base = layout.token(row.position) - centre[last]
          return base + max(centre[last] - reach, 0)..<base
            + min(centre[last] + reach + 1, layout.grid[last])
        }
      })
  }

  /// The largest integer whose square does not exceed `square`.
  private static func root(_ square: Int) -> Int {
    var root = Int(Double(square).squareRoot())
    while root * root > square { root -= 1 }
    while (root + 1) * (root + 1) <= square { root += 1 }
    return root
  }

  /// The tokens of every cell.
  private static func cells(_ layout: GridLayout, side: Int) -> [[Range<Int>]] {
    let labels = layout.labels { $1 / side }
    var cells = [[Range<Int>]](repeating: [], count: (labels.max() ?? -1) + 1)
    for (token, label) in labels.enumerated() where label >= 0 {
      cells[label].append(token..<token + 1)
    }
    return cells
  }

  public var plan: Plan {
    Plan(shape: shape, stages: [.attend(Attend(rule: .patterns(heads)))])
  }

  public func oracle(_ problem: ReferenceProblem) -> ReferenceOutput {
    let positions = layout.positions(count: shape.queryLength)
    let side = parameters.downFactor
    var members: [[Int]: [Int]] = [:]
    if side > 0 {
      for (token, position) in positions.enumerated() {
        guard let position else { continue }
        members[position.map { $0 / side }, default: []].append(token)
      }
    }
    let cells = Array(members.values)
    return problem.mapHeads { head, _, _ in
      var extended = head
      for cell in cells {
        extended = ReferenceHead(
          query: head.query, key: extended.key.appendingMean(of: cell, in: head.key),
          value: extended.value.appendingMean(of: cell, in: head.value))
      }
      return SoftmaxReference.attend(extended, scale: shape.softmaxScale) { query, key in
        guard key < positions.count else { return positions[query] != nil }
        guard let from = positions[query], let to = positions[key] else { return true }
        let square = zip(from, to).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
        return square < parameters.radius * parameters.radius
      }
    }
  }
}
