// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionReference
import RealModule

/// Attention by a Gaussian kernel of queries, of low rank through convolved landmarks.
///
/// With `q' = sqrt(scale) q`, landmarks `z` are windows of `q'` convolved by `pool`, normed over channels
/// and passed through GELU; `G(x, y) = exp(-|x - y|^2 / 2)` and
/// `O = G(q', z) (G(z, z) + ridge)^-1 G(z, q') V + conv(V)`, the inverse by Newton's iteration.
/// Windows are `ratio x ratio` on a grid of two axes, else `ratio^2` tokens in sequence. Keys are
/// not read.
///
/// One head does `4 length landmarks (headDim + valueDim)` operations and `2 length landmarks`
/// exponentials beside products of matrices of landmarks.
///
/// - Note: the iteration converges where the kernel of the landmarks has a condition below 2^20; the
///   ridge keeps it there.
///
/// Source: Lu et al., *Softmax-free Linear Transformers* (2022), arXiv:2207.03341, section 3;
/// ridge and start as in the authors' code.
public struct SOFT: AttentionMechanism {
  public struct Parameters: MechanismParameters {
    public var ratio = 8
    public var iterations = 20
    public var ridge = 0.01
    public var kernel = 5

    public init() {}

    public static let fields: [ParameterField<Parameters>] = [
      ParameterField("ratio", \.ratio, "Tokens of a window along an axis."),
      ParameterField("iterations", \.iterations, "Steps of the iterated inverse."),
      ParameterField("ridge", \.ridge, "Added to the diagonal of the landmarks' kernel."),
      ParameterField("kernel", \.kernel, "Taps of the convolution along an axis, odd."),
    ]
  }

  public static let card = MechanismCard(
    id: "soft", title: "SOFT", family: .linear,
    origin: Citation("Softmax-free Linear Transformers", arXiv: "2207.03341", year: 2022),
    summary: "A Gaussian kernel of queries, through landmarks that a convolution makes of them.",
    patterns: [.noncausalSelf], exactness: .approximate, laws: [],
    cost: "4 tokens landmarks (headDim + valueDim) operations, 2 tokens landmarks exponentials")

  public let parameters: Parameters
  private let shape: AttentionShape

  public init(_ parameters: Parameters, shape: AttentionShape) throws(MechanismError) {
    try Self.require("ratio", parameters.ratio, atLeast: 1)
    try Self.require("iterations", parameters.iterations, atLeast: 0)
    try LinearTexts.requireOdd("kernel", parameters.kernel)
    guard parameters.ridge >= 0 else {
      throw .outOfRange(
        parameter: "ridge", value: "\(parameters.ridge)", rule: "it must not be negative")
    }
    self.parameters = parameters
    self.shape = shape
    guard landmarks <= 4096 else {
      throw .outOfRange(
        parameter: "ratio", value: "\(parameters.ratio)",
        rule: "it must leave at most 4096 landmarks; \(shape) has \(landmarks)")
    }
  }

  private var windows: LandmarkWindows { LandmarkWindows(shape: shape, ratio: parameters.ratio) }
  private var landmarks: Int { windows.count }

  private var local: LocalConvolution {
    LocalConvolution(.perHead(weight: "convolution"), size: parameters.kernel)
  }

  public var plan: Plan {
    let stage = LowRank(
      kernel: .gaussianOfWindows(ratio: parameters.ratio, ridge: parameters.ridge),
      iterations: parameters.iterations, local: local)
    return Plan(shape: shape, stages: [.lowRank(stage)])
  }

  private var weights: [DrawnWeight] {
    let (width, tokens) = (shape.headDim, windows.tokens)
    let taps = local.tapCount(shape: shape)
    return [
      DrawnWeight(
        "pool", [width, width, tokens], "[headDim, headDim, window tokens]",
        "convolution to a landmark, N(0, 1 / inputs)",
        .normal(1 / Double(width * tokens).squareRoot())),
      DrawnWeight(
        "convolution", [shape.keyValueHeads, taps], "[keyValueHeads, taps]",
        "kernel of a head, N(0, 1 / taps^2)", .normal(1 / Double(taps))),
    ]
  }

  public var weightSpecifications: [WeightSpecification] { weights.specifications }
  public func drawWeights(_ seed: Seed) -> WeightSet { DrawnWeight.draw(weights, seed) }

  public func oracle(_ problem: ReferenceProblem) -> ReferenceOutput {
    let reference = LinearReference(problem)
    let taps = local.tapCount(shape: shape)
    return problem.mapHeads { head, _, queryHead in
      let query = head.query.map { $0 * shape.softmaxScale.squareRoot() }
      let landmarks = pooled(query, problem.weights["pool"])
      var small = gaussian(landmarks, landmarks)
      let largest = (0..<small.count).map { small[$0].reduce(0, +) }.max() ?? 1
      for index in 0..<small.count { small[index, index] += parameters.ridge }
      let inverse = LowRankReference.inverseOfSymmetric(
        small, start: 1.8 / (largest * largest), iterations: parameters.iterations)
      let flat = gaussian(query, landmarks)
      let values = LowRankReference.product(
        inverse, LowRankReference.product(LowRankReference.transposed(flat), head.value))
      let kernel = Array(reference.part("convolution", queryHead / shape.headGroup))
      return reference.adding(
        convolutionOf: head.value, size: parameters.kernel,
        to: LowRankReference.product(flat, values)
      ) { _, tap in kernel[tap % taps] }
    }
  }

  private func gaussian(_ left: Rows, _ right: Rows) -> Rows {
    Rows(
      (0..<left.count).map { row in
        (0..<right.count).map { other in
          let square = zip(left[row], right[other]).reduce(0) {
            $0 + ($1.0 - $1.1) * ($1.0 - $1.1)
          }
          return Double.exp(-square / 2)
        }
      })
  }

  private func pooled(_ query: Rows, _ pool: Tensor<Float>) -> Rows {
    let width = query.width
    let tokens = windows.tokens
    return Rows(
      (0..<landmarks).map { index -> [Double] in
        let places = windows.tokens(of: index)
        var sums = [Double](repeating: 0, count: width)
        for output in 0..<width {
          for (tap, place) in places.enumerated() {
            for input in 0..<width {
              let weight = Double(pool[(output * width + input) * tokens + tap])
              sums[output] += weight * query[place, input]
            }
          }
        }
        return RowReference.normalised(sums, epsilon: 1e-5).map(RowReference.gelu)
      })
  }
}
