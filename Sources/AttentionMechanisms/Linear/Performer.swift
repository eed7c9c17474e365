// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionReference
import RealModule

/// Linear attention with positive random features that estimate the softmax kernel (FAVOR+).
///
/// With `x' = sqrt(scale) x` and random rows `w_r`, `u_r = w_r . x'` and
/// `phi_r(x) = (exp(u_r - |x'|^2 / 2 - max u) + epsilon) / sqrt(features)`; without maximum and
/// epsilon the mean of `phi(q) . phi(k)` over the draws is `exp(scale q . k)`. The maximum is over
/// the row for queries and over all keys for keys. Outputs are divided by the sum of feature
/// products. Tensors are those of ``Linear``; the weight `projection` is `[features, headDim]`,
/// shared by all heads.
///
/// One head does `2 (queryLength + keyLength) features (headDim + valueDim + 1)` operations and
/// `(queryLength + keyLength) features` exponentials.
///
/// - Note: with causality the maximum still spans all keys, as in the authors' code. It cancels but
///   for its ratio to `epsilon`, through which a later key can move an output a little.
///
/// Source: Choromanski et al., *Rethinking Attention with Performers* (2020), arXiv:2009.14794,
/// lemma 1 and section 2.4; epsilon and maxima as in the authors' code.
public struct Performer: AttentionMechanism {
  public struct Parameters: MechanismParameters {
    /// Number of random features.
    public var features = 256
    /// Added to every feature, relative to the largest.
    public var epsilon = 1e-4
    /// How the rows of the projection are drawn.
    public var draw = Draw.orthogonal
    /// Causal: tokens per block of the scan; blocks of more than 64 are cut.
    public var chunkLength = 32

    public init() {}

    public static let fields: [ParameterField<Parameters>] = [
      ParameterField("features", \.features, "Number of random features."),
      ParameterField("epsilon", \.epsilon, "Added to every feature, relative to the largest."),
      ParameterField("draw", \.draw, "How the rows of the projection are drawn."),
      ParameterField(
        "chunkLength", \.chunkLength, "Causal: tokens per block; above 64 is cut.",
        changesResult: false),
    ]
  }

  public enum Draw: String, ParameterChoice {
    /// Blocks of `headDim` orthogonal rows with the lengths of independent normal rows.
    case orthogonal
    /// Blocks of orthogonal rows of length `sqrt(headDim)`.
    case regularized
    /// Independent normal rows.
    case independent
  }

  public static let card = MechanismCard(
    id: "performer", title: "Performer", family: .linear,
    origin: Citation("Rethinking Attention with Performers", arXiv: "2009.14794", year: 2020),
    summary: "Linear attention whose positive random features estimate the softmax kernel.",
    patterns: Set(AttentionPattern.allCases), exactness: .approximate,
    laws: [.rowStochastic, .headEquivariant],
    cost: "2 (queries + keys) features (headDim + valueDim + 1) operations, (queries + keys) "
      + "features exponentials")

  public let parameters: Parameters
  private let shape: AttentionShape

  public init(_ parameters: Parameters, shape: AttentionShape) throws(MechanismError) {
    guard (1...65_536).contains(parameters.features) else {
      throw .outOfRange(
        parameter: "features", value: "\(parameters.features)", rule: "it must be in 1 ... 65536")
    }
    guard parameters.epsilon > 0, parameters.epsilon <= 1 else {
      throw .outOfRange(
        parameter: "epsilon", value: "\(parameters.epsilon)",
        rule: "it must be above 0, so that no sum of features vanishes, and at most 1")
    }
    guard parameters.chunkLength >= 1 else {
      throw .outOfRange(
        parameter: "chunkLength", value: "\(parameters.chunkLength)", rule: "it must be at least 1")
    }
    self.parameters = parameters
    self.shape = shape
  }

  /// The rows of a given projection are the features.
  public static func overrides(impliedBy weights: [String: [Int]]) -> [String: String] {
    guard let features = weights["projection"]?.first else { return [:] }
    return ["features": String(features)]
  }

  public var plan: Plan {
    let map = FeatureMap.positiveRandom(
      featureDim: parameters.features, epsilon: parameters.epsilon)
    let scan = Scan(
      featureMap: map, normalizer: .sum(epsilon: 0), chunkLength: parameters.chunkLength)
    return Plan(shape: shape, stages: [.scan(scan)])
  }

  public var weightSpecifications: [WeightSpecification] {
    [
      WeightSpecification(
        name: "projection", extents: [parameters.features, shape.headDim],
        layout: "[features, headDim]",
        meaning: "random directions, drawn as the parameter draw says")
    ]
  }

  public func drawWeights(_ seed: Seed) -> WeightSet {
    let rows = RandomProjection.draw(
      parameters.draw, rows: parameters.features, width: shape.headDim,
      seed: seed.child("projection"))
    return WeightSet([
      "projection": Tensor([parameters.features, shape.headDim], rows.map { Float($0) })
    ])
  }

  public func oracle(_ problem: ReferenceProblem) -> ReferenceOutput {
    let projection = Rows(
      problem.weights["projection"].base, parameters.features, shape.headDim)
    return problem.mapHeads { head, _, _ in
      let queries = Projected(head.query, projection, scale: shape.softmaxScale)
      let keys = Projected(head.key, projection, scale: shape.softmaxScale)
      let largest = keys.maxima.max() ?? 0
      return FeatureReference.attend(
        queryFeatures: features(queries) { queries.maxima[$0] },
        keyFeatures: features(keys) { _ in largest },
        // A query without any key gives a row of zeros: its sum of 0 must not divide 0.
        value: head.value, epsilon: .leastNormalMagnitude
      ) { query, key in
        SoftmaxReference.allows(shape, query: query, key: key)
      }
    }
  }

  private func features(_ rows: Projected, maximum: (Int) -> Double) -> Rows {
    var result = rows.products
    let factor = 1 / Double(parameters.features).squareRoot()
    for row in 0..<result.count {
      let shift = rows.halfNorms[row] + maximum(row)
      for column in 0..<result.width {
        result[row, column] =
          factor * (Double.exp(rows.products[row, column] - shift) + parameters.epsilon)
      }
    }
    return result
  }
}

/// Scaled rows times the rows of a projection, in Double.
private struct Projected {
  /// `u`, `[rows, features]`.
  let products: Rows
  /// The largest product of each row.
  let maxima: [Double]
  /// `|x'|^2 / 2` of each row.
  let halfNorms: [Double]

  init(_ rows: Rows, _ projection: Rows, scale: Double) {
    var products = Rows(count: rows.count, width: projection.count)
    for row in 0..<rows.count {
      for feature in 0..<projection.count {
        products[row, feature] = scale.squareRoot() * rows.dot(row, projection, feature)
      }
    }
    self.products = products
    maxima = (0..<rows.count).map { products[$0].max() ?? 0 }
    halfNorms = (0..<rows.count).map { scale * rows.dot($0, rows, $0) / 2 }
  }
}
