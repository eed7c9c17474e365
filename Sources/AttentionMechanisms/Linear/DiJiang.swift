// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionReference
import RealModule

/// Causal linear attention with features in the frequency domain and a decay per head.
///
/// `phi(x) = softmax(x C diag(w))` with the orthonormal cosine transform `C` and random weights `w`, after
/// queries and keys are turned by their place. `o_i = sum_(j <= i) gamma^(i-j) phi(q_i) . phi(k_j) v_j`
/// has no denominator; each output row is normed over its channels.
///
/// One head does `4 length headDim (headDim + valueDim)` operations and `2 length headDim`
/// exponentials.
///
/// - Note: the transform is applied as a matrix: at widths of a head that is faster than a fast one.
///   Weights `w` are normal, as in the authors' code, where the paper draws them from a sequence of
///   low discrepancy; decays go from `1 - 1/32` to `1 - 1/512`.
///
/// Source: Chen et al., *DiJiang: Efficient Large Language Models through Compact Kernelization*
/// (2024), arXiv:2403.19928, section 3.
public struct DiJiang: AttentionMechanism {
  public struct Parameters: MechanismParameters {
    public var rotates = true
    public var norms = true

    public init() {}

    public static let fields: [ParameterField<Parameters>] = [
      ParameterField("rotates", \.rotates, "Whether queries and keys turn by their place."),
      ParameterField("norms", \.norms, "Whether output rows are normed over their channels."),
    ]
  }

  public static let card = MechanismCard(
    id: "dijiang", title: "DiJiang", family: .linear,
    origin: Citation(
      "DiJiang: Efficient Large Language Models through Compact Kernelization",
      arXiv: "2403.19928", year: 2024),
    summary: "A softmax over weighted cosine coefficients as features, and a decay per head.",
    patterns: [.causalSelf], exactness: .approximate, laws: [.causal],
    cost: "4 tokens headDim (headDim + valueDim) operations, 2 tokens headDim exponentials")

  private static let rotaryBase = 10_000.0
  private static let normEpsilon = 1e-5
  public let parameters: Parameters
  private let shape: AttentionShape

  public init(_ parameters: Parameters, shape: AttentionShape) throws(MechanismError) {
    self.parameters = parameters
    self.shape = shape
  }

  public var plan: Plan {
    var steps: [RowOperation] = [
      .project(weight: "projection", bias: nil, width: shape.headDim), .softmax,
    ]
    if parameters.rotates {
      steps.insert(.rotate(RowOperation.Rotation(base: Self.rotaryBase)), at: 0)
    }
    let stage = FeatureAttention(
      queryMap: steps, keyMap: steps, recurrence: .decay, normalizer: .none,
      outputNorm: parameters.norms
        ? FeatureAttention.OutputNorm(isCentred: true, epsilon: Self.normEpsilon) : nil)
    return Plan(shape: shape, stages: [.features(stage)])
  }

  public var weightSpecifications: [WeightSpecification] {
    [
      WeightSpecification(
        name: "projection", extents: [1, shape.headDim, shape.headDim],
        layout: "[1, headDim, headDim]",
        meaning: "row r: column r of the cosine transform times a normal weight"),
      WeightSpecification(
        name: "slopes", extents: [shape.queryHeads], layout: "[queryHeads]",
        meaning: "the state decays by exp(-slope) per token; not random"),
    ]
  }

  public func drawWeights(_ seed: Seed) -> WeightSet {
    let width = shape.headDim
    var generator = SplitMix64(seed: seed.child("projection"))
    let projection = Tensor<Float>([1, width, width])
    for row in 0..<width {
      let weight = Double(generator.normal())
      for order in 0..<width {
        projection[row * width + order] = Float(weight * Self.cosine(order, row, of: width))
      }
    }
    let slopes = (0..<shape.queryHeads).map { head -> Float in
      let share = shape.queryHeads == 1 ? 0 : Double(head) / Double(shape.queryHeads - 1)
      let rate = Double.exp(
        Double.log(1.0 / 32) + share * (Double.log(1.0 / 512) - Double.log(1.0 / 32)))
      return Float(-Double.log(1 - rate))
    }
    return WeightSet([
      "projection": projection, "slopes": Tensor([shape.queryHeads], slopes),
    ])
  }

  /// Coefficient `order` of a unit at `place` in the orthonormal transform of type II.
  static func cosine(_ order: Int, _ place: Int, of width: Int) -> Double {
    let norm = (order == 0 ? 1 / Double(width) : 2 / Double(width)).squareRoot()
    return norm * Double.cos(.pi * Double(order) * (Double(place) + 0.5) / Double(width))
  }

  public func oracle(_ problem: ReferenceProblem) -> ReferenceOutput {
    let reference = LinearReference(problem)
    let matrix = reference.part("projection", 0)
    return problem.mapHeads { head, _, queryHead in
      let features = { (rows: Rows) in
        rows.mapRows { row, place in
          let turned =
            parameters.rotates
            ? RowReference.rotated(row, coordinates: [place], base: Self.rotaryBase) : row
          return RowReference.softmax(RowReference.product(matrix, turned))
        }
      }
      let output = FeatureReference.attend(
        queryFeatures: features(head.query), keyFeatures: features(head.key), value: head.value,
        decay: Double.exp(-Double(problem.weights["slopes"][queryHead])), epsilon: nil,
        allows: reference.allows)
      guard parameters.norms else { return output }
      return output.mapRows { row, _ in
        RowReference.normalised(row, epsilon: Self.normEpsilon)
      }
    }
  }
}
