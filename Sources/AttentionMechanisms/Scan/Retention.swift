// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionReference
import RealModule

/// Retention: causal linear attention with rotations and a fixed decay per head.
///
/// `o_i = norm(sum_(j <= i) gamma_h^(i-j) scale (R_i q_i) . (R_j k_j) v_j)`, `gamma_h = 1 - 2^(-5-h)`, with a
/// norm over the channels of a head. Tensors are those of ``Linear``, self-attention only.
///
/// One head does `4 length headDim valueDim` operations.
///
/// - Note: the norm takes every scale of a row away, so the row-wise normalisations of the paper's
///   parallel form are left out. The gate on the output belongs to the layer.
///
/// Source: Sun et al., *Retentive Network: A Successor to Transformer for Large Language Models*
/// (2023), arXiv:2307.08621, equations 5 to 8.
public struct Retention: AttentionMechanism {
  public struct Parameters: MechanismParameters {
    public var norm = Norm.group
    public var rotaryBase = 10_000.0
    /// Tokens per block of the scan; 1 is the recurrent form.
    public var chunkLength = 256

    public init() {}

    public static let fields: [ParameterField<Parameters>] = [
      ParameterField("norm", \.norm, "Norm of output rows over the channels of a head."),
      ParameterField("rotaryBase", \.rotaryBase, "Base of the angles."),
      ParameterField(
        "chunkLength", \.chunkLength, "Tokens mapped at a time; 1 is the recurrent form.",
        changesResult: false),
    ]
  }

  public enum Norm: String, ParameterChoice {
    /// Mean and deviation, as in the paper.
    case group
    /// Root mean square, as in the authors' later code.
    case rms
    case none
  }

  public static let card = MechanismCard(
    id: "retention", title: "Retention", family: .scan,
    origin: Citation(
      "Retentive Network: A Successor to Transformer for Large Language Models",
      arXiv: "2307.08621", year: 2023),
    summary: "Causal linear attention with rotations, a fixed decay per head and a norm.",
    patterns: [.causalSelf], exactness: .approximate, laws: [.causal],
    cost: "4 tokens headDim valueDim operations")

  private static let epsilon = 1e-6
  public let parameters: Parameters
  private let shape: AttentionShape

  public init(_ parameters: Parameters, shape: AttentionShape) throws(MechanismError) {
    guard parameters.rotaryBase > 1 else {
      throw .outOfRange(
        parameter: "rotaryBase", value: "\(parameters.rotaryBase)", rule: "it must be above 1")
    }
    try Self.require("chunkLength", parameters.chunkLength, atLeast: 1)
    self.parameters = parameters
    self.shape = shape
  }

  public var plan: Plan {
    let turn = RowOperation.rotate(RowOperation.Rotation(base: parameters.rotaryBase))
    let stage = FeatureAttention(
      queryMap: [turn, .scale(shape.softmaxScale)], keyMap: [turn], recurrence: .decay,
      normalizer: .none,
      outputNorm: parameters.norm == .none
        ? nil
        : FeatureAttention.OutputNorm(
          isCentred: parameters.norm == .group, epsilon: Self.epsilon),
      chunkLength: parameters.chunkLength)
    return Plan(shape: shape, stages: [.features(stage)])
  }

  private var weights: [DrawnWeight] {
    let slopes = (0..<shape.queryHeads).map { -Double.log(1 - Double.exp2(-5 - Double($0))) }
    return [
      DrawnWeight(
        "slopes", [shape.queryHeads], "[queryHeads]",
        "the state decays by exp(-slope) per token, 1 - 2^(-5-h); not random", .values(slopes))
    ]
  }

  public var weightSpecifications: [WeightSpecification] { weights.specifications }
  public func drawWeights(_ seed: Seed) -> WeightSet { DrawnWeight.draw(weights, seed) }

  public func oracle(_ problem: ReferenceProblem) -> ReferenceOutput {
    let reference = LinearReference(problem)
    let slopes = problem.weights["slopes"]
    let turned = { (rows: Rows) in
      rows.mapRows { row, place in
        RowReference.rotated(row, coordinates: [place], base: parameters.rotaryBase)
      }
    }
    return problem.mapHeads { head, _, queryHead in
      let output = FeatureReference.attend(
        queryFeatures: turned(head.query).map { $0 * shape.softmaxScale },
        keyFeatures: turned(head.key), value: head.value,
        decay: Double.exp(-Double(slopes[queryHead])), epsilon: nil, allows: reference.allows)
      guard parameters.norm != .none else { return output }
      return output.mapRows { row, _ in
        RowReference.normalised(row, centred: parameters.norm == .group, epsilon: Self.epsilon)
      }
    }
  }
}
