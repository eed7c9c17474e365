// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionReference

/// Linear attention whose outputs are normed instead of divided by a sum of weights.
///
/// `phi = elu + 1`, `o_i = norm(phi(q_i) sum_j phi(k_j) v_j^T)` with a root-mean-square norm over the
/// channels of a head: gradients stay bounded, and scaling all keys changes nothing. Tensors are
/// those of ``Linear``.
///
/// One head does `2 (queryLength + keyLength) headDim valueDim` operations.
///
/// - Note: this is the norm attention of the later layers; the earlier ones attend inside blocks.
///
/// Source: Qin et al., *The Devil in Linear Transformer* (2022), arXiv:2210.10340, section 3.2.
public struct TransNormer: AttentionMechanism {
  public struct Parameters: MechanismParameters {
    public var epsilon = 1e-6

    public init() {}

    public static let fields: [ParameterField<Parameters>] = [
      ParameterField("epsilon", \.epsilon, "Added to the mean square of an output row.")
    ]
  }

  public static let card = MechanismCard(
    id: "transnormer", title: "TransNormer", family: .scan,
    origin: Citation("The Devil in Linear Transformer", arXiv: "2210.10340", year: 2022),
    summary: "Linear attention with a norm of the outputs in place of the denominator.",
    patterns: LinearTexts.everywhere, exactness: .approximate,
    laws: [.headEquivariant, .causal], cost: LinearTexts.state)

  public let parameters: Parameters
  private let shape: AttentionShape

  public init(_ parameters: Parameters, shape: AttentionShape) throws(MechanismError) {
    guard parameters.epsilon > 0, parameters.epsilon <= 1 else {
      throw .outOfRange(
        parameter: "epsilon", value: "\(parameters.epsilon)",
        rule: "it must be above 0 and at most 1")
    }
    self.parameters = parameters
    self.shape = shape
  }

  public var plan: Plan {
    let stage = FeatureAttention(
      queryMap: [.activate(.elu1)], keyMap: [.activate(.elu1)], normalizer: .none,
      outputNorm: FeatureAttention.OutputNorm(isCentred: false, epsilon: parameters.epsilon))
    return Plan(shape: shape, stages: [.features(stage)])
  }

  public func oracle(_ problem: ReferenceProblem) -> ReferenceOutput {
    problem.mapHeads { head, _, _ in
      FeatureReference.attend(
        queryFeatures: head.query.map(RowReference.elu1),
        keyFeatures: head.key.map(RowReference.elu1), value: head.value, epsilon: nil
      ) { query, key in
        SoftmaxReference.allows(shape, query: query, key: key)
      }.mapRows { row, _ in
        RowReference.normalised(row, centred: false, epsilon: parameters.epsilon)
      }
    }
  }
}
