// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionReference
import RealModule

/// Causal linear attention with a fixed decay per head and no denominator.
///
/// `o_i = sum_(j <= i) exp(-slope (i - j)) (q_i . k_j) v_j`, computed as a state that decays by
/// `exp(-slope)` between tokens. Queries, keys and values are taken as they are: activations, norm
/// and gate belong to the layer around. Tensors are those of ``Linear``, self-attention only; the
/// weight `slopes` is `[queryHeads]`.
///
/// One head does `4 length headDim valueDim` operations.
///
/// - Note: the slopes are `2^(-8 h / heads)`, `h = 1 ... heads`, where heads are a power of two;
///   else those of the next lower power and every other one of the next higher, as in ALiBi.
///
/// Source: Qin et al., *Lightning Attention-2: A Free Lunch for Handling Unlimited Sequence Lengths
/// in Large Language Models* (2024), arXiv:2401.04658, section 3.2.
public struct Lightning: AttentionMechanism {
  public struct Parameters: MechanismParameters {
    /// Tokens per block of the scan; blocks of more than 64 are cut.
    public var chunkLength = 32

    public init() {}

    public static let fields: [ParameterField<Parameters>] = [
      ParameterField(
        "chunkLength", \.chunkLength, "Tokens per block; above 64 is cut.", changesResult: false)
    ]
  }

  public static let card = MechanismCard(
    id: "lightning", title: "Lightning Attention-2", family: .scan,
    origin: Citation(
      "Lightning Attention-2: A Free Lunch for Handling Unlimited Sequence Lengths in Large "
        + "Language Models", arXiv: "2401.04658", year: 2024),
    summary: "Causal linear attention with a fixed decay per head and no denominator.",
    patterns: [.causalSelf], exactness: .approximate, laws: [.causal],
    cost: "4 tokens headDim valueDim operations")

  public let parameters: Parameters
  private let shape: AttentionShape

  public init(_ parameters: Parameters, shape: AttentionShape) throws(MechanismError) {
    guard parameters.chunkLength >= 1 else {
      throw .outOfRange(
        parameter: "chunkLength", value: "\(parameters.chunkLength)", rule: "it must be at least 1")
    }
    self.parameters = parameters
    self.shape = shape
  }

  public var plan: Plan {
    let scan = Scan(
      featureMap: .identity, decay: .perHead, normalizer: .none,
      chunkLength: parameters.chunkLength)
    return Plan(shape: shape, stages: [.scan(scan)])
  }

  public var weightSpecifications: [WeightSpecification] {
    [
      WeightSpecification(
        name: "slopes", extents: [shape.queryHeads], layout: "[queryHeads]",
        meaning: "the state decays by exp(-slope) per token; 2^(-8 h / heads), not random")
    ]
  }

  public func drawWeights(_ seed: Seed) -> WeightSet {
    let slopes = Self.slopes(heads: shape.queryHeads)
    return WeightSet(["slopes": Tensor([shape.queryHeads], slopes.map { Float($0) })])
  }

  private static func slopes(heads: Int) -> [Double] {
    let lower = 1 << (Int.bitWidth - 1 - heads.leadingZeroBitCount)
    let slopes = (1...lower).map { Double.exp2(-8 * Double($0) / Double(lower)) }
    let more = stride(from: 1, to: 2 * (heads - lower), by: 2).map {
      Double.exp2(-4 * Double($0) / Double(lower))
    }
    return slopes + more
  }

  public func oracle(_ problem: ReferenceProblem) -> ReferenceOutput {
    let slopes = problem.weights["slopes"]
    return problem.mapHeads { head, _, queryHead in
      FeatureReference.attend(
        queryFeatures: head.query, keyFeatures: head.key, value: head.value,
        decay: Double.exp(-Double(slopes[queryHead])), epsilon: nil
      ) { query, key in
        SoftmaxReference.allows(shape, query: query, key: key)
      }
    }
  }
}
