// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionReference
import RealModule

/// Gated linear attention: every row of the state decays by a gate that the token sets.
///
/// `S_t = diag(a_t) S_(t-1) + k_t v_t^T`, `o_t = scale q_t S_t`, `a_t = sigmoid(W2 W1 k_t + b)^(1/tau)` by channel.
/// Tensors are those of ``Linear``, self-attention only.
///
/// One head does `4 length headDim valueDim + 4 length headDim rank` operations and
/// `3 length headDim` exponentials.
///
/// - Note: in the paper gates come from the layer's input, here from the keys of the head. Norm and
///   gate of the output belong to the layer. Inside a piece of the scan keys and queries carry the
///   products of the gates; pieces end before those leave the range of Float32.
///
/// Source: Yang et al., *Gated Linear Attention Transformers with Hardware-Efficient Training*
/// (2023), arXiv:2312.06635, equations 3 to 5.
public struct GatedLinear: AttentionMechanism {
  public struct Parameters: MechanismParameters {
    public var rank = 16
    public var temperature = 16.0

    public init() {}

    public static let fields: [ParameterField<Parameters>] = [
      ParameterField("rank", \.rank, "Channels between the two matrices of the gate."),
      ParameterField("temperature", \.temperature, "The gate is this root of a sigmoid."),
    ]
  }

  public static let card = MechanismCard(
    id: "gla", title: "Gated linear attention", family: .scan,
    origin: Citation(
      "Gated Linear Attention Transformers with Hardware-Efficient Training",
      arXiv: "2312.06635", year: 2023),
    summary: "Causal linear attention whose state decays by gates per token and channel.",
    patterns: [.causalSelf], exactness: .approximate, laws: [.causal],
    cost: "4 tokens headDim (valueDim + rank) operations, 3 tokens headDim exponentials")

  public let parameters: Parameters
  private let shape: AttentionShape

  public init(_ parameters: Parameters, shape: AttentionShape) throws(MechanismError) {
    try Self.require("rank", parameters.rank, atLeast: 1)
    guard parameters.temperature > 0 else {
      throw .outOfRange(
        parameter: "temperature", value: "\(parameters.temperature)", rule: "it must be above 0")
    }
    self.parameters = parameters
    self.shape = shape
  }

  public var plan: Plan {
    let gates = FeatureSteps([
      .project(weight: "gateInner", bias: nil, width: parameters.rank),
      .project(weight: "gateOuter", bias: "gateBias", width: shape.headDim),
      .activate(.logSigmoid), .scale(1 / parameters.temperature),
    ])
    let stage = FeatureAttention(
      queryMap: [.scale(shape.softmaxScale)], keyMap: [], recurrence: .gates(gates),
      normalizer: .none)
    return Plan(shape: shape, stages: [.features(stage)])
  }

  private var weights: [DrawnWeight] {
    let (heads, width, rank) = (shape.keyValueHeads, shape.headDim, parameters.rank)
    return [
      DrawnWeight(
        "gateInner", [heads, rank, width], "[keyValueHeads, rank, headDim]",
        "first matrix of the gate, N(0, 1 / headDim)", .normal(1 / Double(width).squareRoot())),
      DrawnWeight(
        "gateOuter", [heads, width, rank], "[keyValueHeads, headDim, rank]",
        "second matrix, N(0, 1 / rank)", .normal(1 / Double(rank).squareRoot())),
      DrawnWeight(
        "gateBias", [heads, width], "[keyValueHeads, headDim]", "its bias, 0", .constant(0)),
    ]
  }

  public var weightSpecifications: [WeightSpecification] { weights.specifications }
  public func drawWeights(_ seed: Seed) -> WeightSet { DrawnWeight.draw(weights, seed) }

  public func oracle(_ problem: ReferenceProblem) -> ReferenceOutput {
    let reference = LinearReference(problem)
    return problem.mapHeads { head, _, queryHead in
      let keyHead = queryHead / shape.headGroup
      let (inner, outer) = (
        reference.part("gateInner", keyHead), reference.part("gateOuter", keyHead)
      )
      let bias = reference.part("gateBias", keyHead)
      // Sums of the logarithms of the gates up to every token.
      var sums = head.key.mapRows { row, _ in
        zip(RowReference.product(outer, RowReference.product(inner, row)), bias).map {
          -RowReference.softplus(-($0 + $1)) / parameters.temperature
        }
      }
      for row in 1..<max(sums.count, 1) { sums.add(1, sums, row - 1, to: row) }
      var output = Rows(count: head.query.count, width: head.value.width)
      for row in 0..<head.query.count {
        for other in 0...row {
          var weight = 0.0
          for channel in 0..<head.query.width {
            let decay = Double.exp(sums[row, channel] - sums[other, channel])
            weight += head.query[row, channel] * head.key[other, channel] * decay
          }
          output.add(shape.softmaxScale * weight, head.value, other, to: row)
        }
      }
      return output
    }
  }
}
