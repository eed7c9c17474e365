// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionReference
import RealModule

/// Kernelised attention with relative positions: products of features weighed by `exp(b_(j-i))`.
///
/// Queries and keys are divided by their lengths, `phi(x) = exp(w_r . x)` for random rows `w_r`; the
/// weights by distance make a Toeplitz matrix, so that every pair of a feature and a value channel
/// is one convolution through Fourier transforms. Outputs are divided by the sum of weights.
///
/// One head does `features (valueDim + 1)` convolutions, each through transforms of a few blocks.
///
/// - Note: all of it is positive, so there is no epsilon; constants of the random features cancel.
///
/// Source: Luo et al., *Stable, Fast and Accurate: Kernelized Attention with Relative Positional
/// Encoding* (2021), arXiv:2106.12566, sections 3.1 and 3.2.
public struct RelativeFFT: AttentionMechanism {
  public struct Parameters: MechanismParameters {
    public var features = 64
    public var draw = Performer.Draw.orthogonal

    public init() {}

    public static let fields: [ParameterField<Parameters>] = [
      ParameterField("features", \.features, "Number of random features."),
      ParameterField("draw", \.draw, "How the rows of the projection are drawn."),
    ]
  }

  public static let card = MechanismCard(
    id: "rpe-fft", title: "Kernelized attention with relative positions", family: .linear,
    origin: Citation(
      "Stable, Fast and Accurate: Kernelized Attention with Relative Positional Encoding",
      arXiv: "2106.12566", year: 2021),
    summary: "Random features of normalised rows; biases by distance through Fourier transforms.",
    patterns: [.noncausalSelf, .causalSelf], exactness: .approximate, laws: [],
    cost: "features (valueDim + 1) real transforms of 2 tokens, forth and back")

  public let parameters: Parameters
  private let shape: AttentionShape

  public init(_ parameters: Parameters, shape: AttentionShape) throws(MechanismError) {
    guard (1...4096).contains(parameters.features) else {
      throw .outOfRange(
        parameter: "features", value: "\(parameters.features)", rule: "it must be in 1 ... 4096")
    }
    self.parameters = parameters
    self.shape = shape
  }

  public var plan: Plan {
    Plan(
      shape: shape,
      stages: [.convolve(.relativeFeatures(featureDim: parameters.features))])
  }

  private var bias: DrawnWeight {
    DrawnWeight(
      "bias", [shape.queryHeads, 2 * shape.queryLength - 1], "[queryHeads, 2 length - 1]",
      "b of the distances from 1 - length to length - 1, N(0, 0.04)", .normal(0.2))
  }

  public var weightSpecifications: [WeightSpecification] {
    [
      WeightSpecification(
        name: "projection", extents: [parameters.features, shape.headDim],
        layout: "[features, headDim]",
        meaning: "random directions, drawn as the parameter draw says"),
      bias.specification,
    ]
  }

  public func drawWeights(_ seed: Seed) -> WeightSet {
    var weights = DrawnWeight.draw([bias], seed)
    let rows = RandomProjection.draw(
      parameters.draw, rows: parameters.features, width: shape.headDim,
      seed: seed.child("projection"))
    weights.tensors["projection"] = Tensor(
      [parameters.features, shape.headDim], rows.map { Float($0) })
    return weights
  }

  public func oracle(_ problem: ReferenceProblem) -> ReferenceOutput {
    let reference = LinearReference(problem)
    let projection = Rows(
      problem.weights["projection"].base, parameters.features, shape.headDim)
    let features = { (rows: Rows) in
      rows.mapRows { row, _ in
        let unit = row.map { $0 / max(RowReference.norm(row), 1e-12) }
        return RowReference.product(projection.values[...], unit).map { Double.exp($0) }
      }
    }
    return problem.mapHeads { head, _, queryHead in
      let bias = Array(reference.part("bias", queryHead))
      let (query, key) = (features(head.query), features(head.key))
      var output = Rows(count: query.count, width: head.value.width)
      for row in 0..<query.count {
        var sum = 0.0
        for other in 0..<key.count where reference.allows(row, other) {
          let weight =
            Double.exp(bias[other - row + query.count - 1]) * query.dot(row, key, other)
          sum += weight
          output.add(weight, head.value, other, to: row)
        }
        output.scale(row: row, by: 1 / sum)
      }
      return output
    }
  }
}
