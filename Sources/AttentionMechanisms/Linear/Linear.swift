// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionReference
import RealModule

/// Linear attention: a feature map in place of the softmax, so that keys and values sum to a state.
///
/// `o_i = phi(q_i) S / (phi(q_i) z + epsilon)` with `S = sum_j phi(k_j) v_j^T` and
/// `z = sum_j phi(k_j)` over the keys that query `i` may see. The paper's map is `elu(x) + 1`.
///
/// | Tensor | Shape                                         |
/// |--------|-----------------------------------------------|
/// | query  | `[batch, queryHeads, queryLength, headDim]`   |
/// | key    | `[batch, keyValueHeads, keyLength, headDim]`  |
/// | value  | `[batch, keyValueHeads, keyLength, valueDim]` |
/// | output | `[batch, queryHeads, queryLength, valueDim]`  |
///
/// One head does `2 (queryLength + keyLength) headDim (valueDim + 1)` operations and
/// `(queryLength + keyLength) headDim` exponentials, with or without causality. There is no scale.
///
/// - Note: another formula than softmax attention; trained models use it, inputs of a softmax model
///   give other outputs.
///
/// Source: Katharopoulos et al., *Transformers are RNNs: Fast Autoregressive Transformers with
/// Linear Attention* (2020), arXiv:2006.16236, equations 5, 7 and 12.
public struct Linear: AttentionMechanism {
  public struct Parameters: MechanismParameters {
    /// The map from queries and keys to features.
    public var featureMap = Map.elu1
    /// Whether outputs are divided by the sum of feature products.
    public var normalized = true
    /// Added to that sum.
    public var epsilon = 1e-6
    /// Causal: tokens per block of the scan; blocks of more than 64 are cut.
    public var chunkLength = 32

    public init() {}

    public static let fields: [ParameterField<Parameters>] = [
      ParameterField("featureMap", \.featureMap, "The map from queries and keys to features."),
      ParameterField(
        "normalized", \.normalized, "Whether outputs are divided by the sum of feature products."),
      ParameterField("epsilon", \.epsilon, "Added to the sum of feature products."),
      ParameterField(
        "chunkLength", \.chunkLength, "Causal: tokens per block; above 64 is cut.",
        changesResult: false),
    ]
  }

  public enum Map: String, ParameterChoice {
    case elu1, relu, identity
  }

  public static let card = MechanismCard(
    id: "linear", title: "Linear attention", family: .linear,
    origin: Citation(
      "Transformers are RNNs: Fast Autoregressive Transformers with Linear Attention",
      arXiv: "2006.16236", year: 2020),
    summary: "elu + 1 features of queries read a sum of key features times values.",
    patterns: Set(AttentionPattern.allCases), exactness: .approximate,
    laws: [.rowStochastic, .headEquivariant, .causal],
    cost: "2 (queries + keys) headDim (valueDim + 1) operations, (queries + keys) headDim "
      + "exponentials")

  public let parameters: Parameters
  private let shape: AttentionShape

  public init(_ parameters: Parameters, shape: AttentionShape) throws(MechanismError) {
    guard parameters.epsilon >= 0, parameters.epsilon <= 1 else {
      throw .outOfRange(
        parameter: "epsilon", value: "\(parameters.epsilon)", rule: "it must be in 0 ... 1")
    }
    guard parameters.chunkLength >= 1 else {
      throw .outOfRange(
        parameter: "chunkLength", value: "\(parameters.chunkLength)", rule: "it must be at least 1")
    }
    guard parameters.featureMap != .identity || !parameters.normalized else {
      throw .outOfRange(
        parameter: "normalized", value: "true",
        rule: "identity features may cancel in the sum; set normalized to false")
    }
    self.parameters = parameters
    self.shape = shape
  }

  public var plan: Plan {
    let map: FeatureMap =
      switch parameters.featureMap {
      case .elu1: .elu1
      case .relu: .relu
      case .identity: .identity
      }
    let normalizer: Scan.Normalizer =
      parameters.normalized ? .sum(epsilon: parameters.epsilon) : .none
    let scan = Scan(
      featureMap: map, normalizer: normalizer, chunkLength: parameters.chunkLength)
    return Plan(shape: shape, stages: [.scan(scan)])
  }

  public func oracle(_ problem: ReferenceProblem) -> ReferenceOutput {
    problem.mapHeads { head, _, _ in
      FeatureReference.attend(
        queryFeatures: head.query.map(feature), keyFeatures: head.key.map(feature),
        value: head.value, epsilon: parameters.normalized ? parameters.epsilon : nil
      ) { query, key in
        SoftmaxReference.allows(shape, query: query, key: key)
      }
    }
  }

  private func feature(_ x: Double) -> Double {
    switch parameters.featureMap {
    case .elu1: x > 0 ? x + 1 : Double.exp(x)
    case .relu: max(x, 0)
    case .identity: x
    }
  }
}
