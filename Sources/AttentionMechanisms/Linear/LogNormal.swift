// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionReference
import RealModule

/// Linear attention with exponential features whose weights vary as those of a softmax do.
///
/// `phi_q(q) = exp(alpha q)`, `phi_k(k) = exp(beta k)` by element. With standard deviations `sq`, `sk` of
/// all queries and all keys, `s^2 = (sq^2 sk^2 - b) / 2 a`, `alpha = s / sq`, `beta = s / sk`: the
/// logarithms of the weights then have the variance of a softmax. Outputs are divided by the sum of
/// feature products, after the largest of a query and of all keys are taken off.
///
/// One head does `2 (queryLength + keyLength) headDim (valueDim + 1)` operations and
/// `(queryLength + keyLength) headDim` exponentials.
///
/// - Note: deviations and the largest key are of the whole sequence, causal or not. The paper's layer
///   averages this with a block-diagonal softmax, which is left out. A deviation below a millionth
///   of the root mean square counts as that much: equal keys have equal weights.
///
/// Source: Nahshan et al., *Linear Log-Normal Attention with Unbiased Concentration* (2023),
/// arXiv:2311.13541, section 4; constants as fitted in the authors' code.
public struct LogNormal: AttentionMechanism {
  public struct Parameters: MechanismParameters {
    public var a = 0.148_551_781_447_109_12
    public var b = -0.354_870_391_306_610_86
    public var epsilon = 1e-8

    public init() {}

    public static let fields: [ParameterField<Parameters>] = [
      ParameterField("a", \.a, "Slope of the fitted variance."),
      ParameterField("b", \.b, "Intercept of the fitted variance."),
      ParameterField("epsilon", \.epsilon, "Added to the sum of feature products."),
    ]
  }

  public static let card = MechanismCard(
    id: "log-normal", title: "Linear log-normal attention", family: .linear,
    origin: Citation(
      "Linear Log-Normal Attention with Unbiased Concentration", arXiv: "2311.13541", year: 2023),
    summary: "Exponential features, scaled so that weights spread as a softmax spreads them.",
    patterns: LinearTexts.everywhere, exactness: .approximate, laws: [.headEquivariant],
    cost: LinearTexts.state + ", (queries + keys) headDim exponentials")

  public let parameters: Parameters
  private let shape: AttentionShape

  public init(_ parameters: Parameters, shape: AttentionShape) throws(MechanismError) {
    guard parameters.a > 0 else {
      throw .outOfRange(parameter: "a", value: "\(parameters.a)", rule: "it must be above 0")
    }
    try LinearTexts.requireEpsilon(parameters.epsilon)
    self.parameters = parameters
    self.shape = shape
  }

  public var plan: Plan {
    let stage = FeatureAttention(
      queryMap: [.rowExponential], keyMap: [.statisticExponential],
      statistic: .logNormal(a: parameters.a, b: parameters.b),
      normalizer: .sum(epsilon: parameters.epsilon))
    return Plan(shape: shape, stages: [.features(stage)])
  }

  public func oracle(_ problem: ReferenceProblem) -> ReferenceOutput {
    guard case .queryKeyValue(let query, let key, _) = problem.inputs else {
      preconditionFailure("the mechanism takes query, key and value")
    }
    let (deviationQ, deviationK) = (Self.deviation(query), Self.deviation(key))
    let square = deviationQ * deviationQ * deviationK * deviationK
    let both = (max(square - parameters.b, 0) / (2 * parameters.a)).squareRoot()
    return problem.mapHeads { head, _, _ in
      let queries = head.query.map { $0 * both / deviationQ }
      let keys = head.key.map { $0 * both / deviationK }
      let largest = keys.values.max() ?? 0
      return FeatureReference.attend(
        queryFeatures: queries.mapRows { row, _ in
          let top = row.max() ?? 0
          return row.map { Double.exp($0 - top) }
        },
        keyFeatures: keys.map { Double.exp($0 - largest) }, value: head.value,
        // A query without keys gives zeros.
        epsilon: max(parameters.epsilon, .leastNormalMagnitude)
      ) { query, key in SoftmaxReference.allows(shape, query: query, key: key) }
    }
  }

  private static func deviation(_ tensor: Tensor<Float>) -> Double {
    let values = tensor.array.map(Double.init)
    let mean = values.reduce(0, +) / Double(values.count)
    let square = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count)
    let size = values.reduce(0) { $0 + $1 * $1 } / Double(values.count)
    return max(square.squareRoot(), 1e-6 * size.squareRoot(), 1e-20)
  }
}
