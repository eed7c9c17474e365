// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionReference
import RealModule

/// Attention from blocks of a token grid to the block and a halo around it.
///
/// A query in a block of `block` positions sees the block and `halo` positions on each of its
/// sides. What lies outside the grid is left out (`mask`) or stands there as zero keys with zero
/// values (`zeros`), as convolution code pads. Tensors are those of ``Flash``; bidirectional
/// self-attention on a grid of rank 1 to 3.
///
/// With `relativeVectors` the score gains, per axis, the product of the query with a learned vector
/// for the offset from its position to the key's, as in the paper: `2 (block + 2 halo) - 1` vectors
/// per axis, which all heads share. That runs row by row, the rest in tiles.
///
/// - Requires: `block` within the grid, `halo >= 0` and no relative vectors with `zeros`, otherwise
///   ``init(_:shape:)`` throws ``MechanismError/outOfRange(parameter:value:rule:)``.
/// - Note: Exact on its mask. `halo == 0` is window attention; a halo as long as the grid is dense
///   attention.
///
/// Source: Vaswani et al., *Scaling Local Self-Attention for Parameter Efficient Visual Backbones*
/// (2021), arXiv:2103.12731, section 2.2.
public struct Halo: AttentionMechanism {
  /// What a query sees where its halo leaves the grid.
  public enum Outside: String, ParameterChoice {
    case mask, zeros
  }

  public struct Parameters: MechanismParameters {
    public var block: Extents = [8]
    public var halo: Extents = [3]
    public var outside = Outside.mask
    public var relativeVectors = false

    public init() {}

    public static let fields: [ParameterField<Parameters>] = [
      ParameterField("block", \.block, "Positions of a query block, per axis."),
      ParameterField("halo", \.halo, "Positions seen beyond each side of the block, per axis."),
      ParameterField("outside", \.outside, "What stands outside the grid: nothing or zero keys."),
      ParameterField(
        "relativeVectors", \.relativeVectors,
        "Whether queries are multiplied with vectors of their offsets to the keys."),
    ]
  }

  public static let card = MechanismCard(
    id: "halo", title: "Blocked local attention with halos", family: .local,
    origin: Citation(
      "Scaling Local Self-Attention for Parameter Efficient Visual Backbones",
      arXiv: "2103.12731", year: 2021),
    summary: "Blocks of queries attend to the block and a halo around it.",
    patterns: [.noncausalSelf], exactness: .maskedExact, laws: [.headEquivariant],
    cost: "tokens prod(block + 2 halo) pairs")

  public let parameters: Parameters
  private let shape: AttentionShape
  private let layout: GridLayout
  private let block: Extents
  private let halo: Extents
  private let heads: HeadPatterns

  public init(_ parameters: Parameters, shape: AttentionShape) throws(MechanismError) {
    let layout = try GridLayout("halo", shape: shape)
    let block = try layout.withinGrid("block", parameters.block)
    let halo = try layout.perAxis("halo", parameters.halo, atLeast: 0)
    self.parameters = parameters
    self.shape = shape
    self.layout = layout
    self.block = block
    self.halo = halo
    let ranges = (0..<layout.grid.rank).map { axis in
      (0..<layout.grid[axis]).map { position in
        let first = position / block[axis] * block[axis]
        return max(first - halo[axis], 0)..<min(first + block[axis] + halo[axis], layout.grid[axis])
      }
    }
    let boxes = KeyPattern.boxes(GridBoxes(grid: layout.grid, ranges: ranges))
    let order = layout.tiles(block)
    guard parameters.outside == .zeros else {
      let bias: ScoreBias =
        parameters.relativeVectors
        ? .queryRelative(
          RelativeVectors(
            weight: "vectors", grid: layout.grid, reach: Self.reach(block: block, halo: halo)))
        : .none
      heads = HeadPatterns(HeadPattern(boxes, order: order, bias: bias), shape: shape)
      return
    }
    guard !parameters.relativeVectors else {
      throw .outOfRange(
        parameter: "relativeVectors", value: "true",
        rule: "keys outside the grid have no offsets here: use outside = mask")
    }
    let all = (0..<layout.grid.rank).reduce(1) { $0 * (block[$1] + 2 * halo[$1]) }
    let missing = (0..<shape.queryLength).map { query in
      let position = layout.grid.coordinate(of: query)
      return all - (0..<layout.grid.rank).reduce(1) { $0 * ranges[$1][position[$1]].count }
    }
    // The mean of no keys is a zero key.
    let nothing = [[Range<Int>]](repeating: [], count: missing.max() ?? 0)
    heads = HeadPatterns(
      HeadPattern(boxes, order: order, summaries: .spans(SpanTable(missing.map { [0..<$0] }))),
      summaries: KeySummaries(groups: SpanTable(nothing), weighsAsGroup: false), shape: shape)
  }

  /// The farthest offset that the vectors tell apart, per axis.
  private static func reach(block: Extents, halo: Extents) -> Extents {
    Extents(zip(block.values, halo.values).map { $0 + 2 * $1 - 1 })
  }

  public var weightSpecifications: [WeightSpecification] {
    guard parameters.relativeVectors else { return [] }
    let count = Self.reach(block: block, halo: halo).values.reduce(0) { $0 + 2 * $1 + 1 }
    return [
      WeightSpecification(
        name: "vectors", extents: [count, shape.headDim],
        layout: "[sum of 2 (block + 2 halo) - 1 per axis, headDim]",
        meaning: "vectors by offset, axis after axis; normal with variance 1 / headDim")
    ]
  }

  public func drawWeights(_ seed: Seed) -> WeightSet {
    guard let vectors = weightSpecifications.first else { return WeightSet() }
    var generator = SplitMix64(seed: seed.child("halo/vectors"))
    let size = 1 / Float(shape.headDim).squareRoot()
    let count = vectors.extents.reduce(1, *)
    return WeightSet([
      "vectors": Tensor(vectors.extents, (0..<count).map { _ in size * generator.normal() })
    ])
  }

  /// The product of a query with the vectors of its offsets to a key.
  private func relativeTerm(_ query: [Double], from: [Int], to: [Int], _ vectors: [Float]) -> Double
  {
    var (sum, origin) = (0.0, 0)
    for axis in 0..<layout.grid.rank {
      let span = 2 * (block[axis] + 2 * halo[axis]) - 1
      let row = origin + span / 2 + to[axis] - from[axis]
      for channel in query.indices {
        sum += query[channel] * Double(vectors[row * shape.headDim + channel])
      }
      origin += span
    }
    return sum
  }

  public var plan: Plan {
    Plan(shape: shape, stages: [.attend(Attend(rule: .patterns(heads)))])
  }

  public func oracle(_ problem: ReferenceProblem) -> ReferenceOutput {
    let grid = layout.grid
    let positions = layout.positions(count: shape.queryLength).map { $0 ?? [] }
    func sees(_ from: [Int], _ to: [Int]) -> Bool {
      (0..<grid.rank).allSatisfy { axis in
        let first = from[axis] - from[axis] % block[axis]
        return to[axis] >= first - halo[axis] && to[axis] < first + block[axis] + halo[axis]
      }
    }
    let vectors = parameters.relativeVectors ? problem.weights["vectors"].array : []
    return problem.mapHeads { head, _, _ in
      guard parameters.outside == .zeros else {
        return SoftmaxReference.attend(
          head, scale: shape.softmaxScale,
          bias: { query, key in
            guard !vectors.isEmpty else { return 0 }
            return relativeTerm(
              Array(head.query[query]), from: positions[query], to: positions[key], vectors)
          },
          allows: { sees(positions[$0], positions[$1]) })
      }
      // One zero key, which weighs as much as all positions outside.
      var (key, value) = (head.key, head.value)
      key = Rows(count: key.count + 1, width: key.width)
      value = Rows(count: value.count + 1, width: value.width)
      key.values.replaceSubrange(0..<head.key.values.count, with: head.key.values)
      value.values.replaceSubrange(0..<head.value.values.count, with: head.value.values)
      let outside = positions.map { position in
        (0..<grid.rank).reduce(1) { $0 * (block[$1] + 2 * halo[$1]) }
          - positions.count { sees(position, $0) }
      }
      return SoftmaxReference.attend(
        ReferenceHead(query: head.query, key: key, value: value), scale: shape.softmaxScale,
        bias: { $1 == positions.count ? Double.log(Double(outside[$0])) : 0 },
        allows: {
          $1 == positions.count ? outside[$0] > 0 : sees(positions[$0], positions[$1])
        })
    }
  }
}
