// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionReference
import RealModule

/// Softmax attention through landmarks, by the Nystrom method.
///
/// `O = softmax(Q K'^T) Z softmax(Q' K^T) V + conv(V)`: landmarks `Q'`, `K'` are means of segments,
/// `Z` is an iterated inverse of `softmax(Q' K'^T)`, and the convolution runs along the sequence with
/// one kernel per head.
///
/// One head does `4 length landmarks (headDim + valueDim)` operations and
/// `2 length landmarks` exponentials beside products of matrices of landmarks.
///
/// - Note: segments are nearly equal where their number does not divide the length; the inverse starts
///   from the head's own matrix, not from the largest of all heads.
///
/// Source: Xiong et al., *Nystromformer: A Nystrom-Based Algorithm for Approximating Self-Attention*
/// (2021), arXiv:2102.03902, equations 13 and 14.
public struct Nystromformer: AttentionMechanism {
  public struct Parameters: MechanismParameters {
    public var landmarks = 64
    public var iterations = 6
    public var kernel = 33

    public init() {}

    public static let fields: [ParameterField<Parameters>] = [
      ParameterField("landmarks", \.landmarks, "Number of landmarks."),
      ParameterField("iterations", \.iterations, "Steps of the iterated inverse."),
      ParameterField("kernel", \.kernel, "Taps of the convolution of values, odd."),
    ]
  }

  public static let card = MechanismCard(
    id: "nystromformer", title: "Nystromformer", family: .linear,
    origin: Citation(
      "Nystromformer: A Nystrom-Based Algorithm for Approximating Self-Attention",
      arXiv: "2102.03902", year: 2021),
    summary: "Three softmax kernels over a few landmarks, the middle one inverted by iteration.",
    patterns: [.noncausalSelf], exactness: .approximate, laws: [],
    cost: "4 tokens landmarks (headDim + valueDim) operations, 2 tokens landmarks exponentials")

  public let parameters: Parameters
  private let shape: AttentionShape

  public init(_ parameters: Parameters, shape: AttentionShape) throws(MechanismError) {
    guard (1...4096).contains(parameters.landmarks) else {
      throw .outOfRange(
        parameter: "landmarks", value: "\(parameters.landmarks)", rule: "it must be in 1 ... 4096")
    }
    try Self.require("iterations", parameters.iterations, atLeast: 0)
    try LinearTexts.requireOdd("kernel", parameters.kernel)
    self.parameters = parameters
    self.shape = shape
  }

  public var plan: Plan {
    let stage = LowRank(
      kernel: .softmaxOfMeans(landmarks: parameters.landmarks),
      iterations: parameters.iterations,
      local: LocalConvolution(
        .perHead(weight: "convolution"), size: parameters.kernel, usesGrid: false))
    return Plan(shape: shape, stages: [.lowRank(stage)])
  }

  private var weights: [DrawnWeight] {
    [
      DrawnWeight(
        "convolution", [shape.keyValueHeads, parameters.kernel], "[keyValueHeads, taps]",
        "kernel of a head, N(0, 1 / taps)",
        .normal(1 / Double(parameters.kernel).squareRoot()))
    ]
  }

  public var weightSpecifications: [WeightSpecification] { weights.specifications }
  public func drawWeights(_ seed: Seed) -> WeightSet { DrawnWeight.draw(weights, seed) }

  public func oracle(_ problem: ReferenceProblem) -> ReferenceOutput {
    let reference = LinearReference(problem)
    return problem.mapHeads { head, _, queryHead in
      let count = min(parameters.landmarks, shape.queryLength)
      let (query, key) = (means(head.query, count), means(head.key, count))
      let middle = LowRankReference.inverseOfStochastic(
        kernel(query, key), iterations: parameters.iterations)
      let values = LowRankReference.product(
        middle, LowRankReference.product(kernel(query, head.key), head.value))
      let output = LowRankReference.product(kernel(head.query, key), values)
      let taps = Array(reference.part("convolution", queryHead / shape.headGroup))
      return LowRankReference.adding(convolutionOf: head.value, taps: taps, to: output)
    }
  }

  private func kernel(_ query: Rows, _ key: Rows) -> Rows {
    Rows(
      (0..<query.count).map { row in
        RowReference.softmax((0..<key.count).map { shape.softmaxScale * query.dot(row, key, $0) })
      })
  }

  private func means(_ rows: Rows, _ count: Int) -> Rows {
    var result = Rows(count: count, width: rows.width)
    for landmark in 0..<count {
      let segment = landmark * rows.count / count..<(landmark + 1) * rows.count / count
      for row in segment { result.add(1 / Double(segment.count), rows, row, to: landmark) }
    }
    return result
  }
}
