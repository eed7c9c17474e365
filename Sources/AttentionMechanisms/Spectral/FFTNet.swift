// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionReference
import RealModule

/// A Fourier filter over the tokens whose gains depend on the mean token, with a complex modReLU.
///
/// `y = x + irfft(g(a .* rfft(LN x)))` with orthonormal transforms over the tokens. Every head has
/// a real gain `a = baseFilter (1 + s)` and a bias `b = baseBias + b'` per frequency; `(s, b')`
/// come from two linear layers with a GELU between them on the mean of the normalised tokens.
/// modReLU is `g(z) = relu(|z| + b) z / sqrt(|z|^2 + epsilon^2)`.
///
/// | Tensor         | Shape                               |
/// |----------------|-------------------------------------|
/// | x              | `[batch, sequence, channels]`       |
/// | contextWeight1 | `[channels, channels]`              |
/// | contextBias1   | `[channels]`                        |
/// | contextWeight2 | `[2 * heads * bins, channels]`      |
/// | contextBias2   | `[2 * heads * bins]`                |
/// | baseFilter     | `[heads, bins]`                     |
/// | baseBias       | `[heads, bins]`                     |
/// | output         | `[batch, sequence, channels]`       |
///
/// `bins = sequence / 2 + 1`. The rows of contextWeight2 are `[heads, bins, 2]`: gain, then bias.
/// The layer norm has no weights. With `n` tokens and `c` channels the transforms do `5 n c log2 n`
/// operations and the network `2 c (c + 2 heads bins)`.
///
/// - Note: the paper leaves the shape of the bias open; it is per head and frequency here, as the
///   gain is. In the authors' image models a bias is added to the spectrum instead.
///
/// Source: Fein-Ashley et al., *The FFT Strikes Back: An Efficient Alternative to Self-Attention*
/// (2025), arXiv:2502.18394, section 3.
public struct FFTNet: AttentionMechanism {
  public static let card = MechanismCard(
    id: "fftnet", title: "FFTNet", family: .spectral,
    origin: Citation(
      "The FFT Strikes Back: An Efficient Alternative to Self-Attention", arXiv: "2502.18394",
      year: 2025),
    summary: "Filters the token spectrum by gains that depend on the mean token, with a modReLU.",
    inputs: .tokens, patterns: [.noncausalSelf], exactness: .approximate, laws: [],
    cost: "5 n c log2 n + 2 c (c + 2 heads (n / 2 + 1)) operations")

  public struct Parameters: MechanismParameters {
    /// What follows the filter.
    public var nonlinearity = AdaptiveFilter.Nonlinearity.modReLU
    /// Guards the division by the magnitude.
    public var epsilon = 1e-4

    public init() {}

    public static let fields: [ParameterField<Parameters>] = [
      ParameterField("nonlinearity", \.nonlinearity, "what follows the filter"),
      ParameterField("epsilon", \.epsilon, "guards the division by the magnitude in modReLU"),
    ]
  }

  private static let normEpsilon = 1e-5

  public let parameters: Parameters
  private let shape: AttentionShape

  public init(_ parameters: Parameters, shape: AttentionShape) throws(MechanismError) {
    guard parameters.epsilon > 0, parameters.epsilon <= 1 else {
      throw .outOfRange(
        parameter: "epsilon", value: String(parameters.epsilon),
        rule: "it must be above 0 and at most 1")
    }
    self.parameters = parameters
    self.shape = shape
  }

  private var filter: AdaptiveFilter {
    AdaptiveFilter(nonlinearity: parameters.nonlinearity, epsilon: parameters.epsilon)
  }

  public var plan: Plan {
    Plan(shape: shape, stages: [.mixTokens(.adaptiveFilter(filter))])
  }

  public var weightSpecifications: [WeightSpecification] {
    let channels = shape.channels
    let heads = shape.queryHeads
    let bins = AdaptiveFilter.bins(shape: shape)
    let normal = "drawn from N(0, 1 / channels)"
    return [
      WeightSpecification(
        name: "contextWeight1", extents: [channels, channels], layout: "[channels, channels]",
        meaning: "first linear layer of the context network, " + normal),
      WeightSpecification(
        name: "contextBias1", extents: [channels], layout: "[channels]",
        meaning: "its bias, " + normal),
      WeightSpecification(
        name: "contextWeight2", extents: [2 * heads * bins, channels],
        layout: "[2 * heads * bins, channels]",
        meaning: "second linear layer, rows [heads, bins, 2]: gain, then bias; " + normal),
      WeightSpecification(
        name: "contextBias2", extents: [2 * heads * bins], layout: "[2 * heads * bins]",
        meaning: "its bias, " + normal),
      WeightSpecification(
        name: "baseFilter", extents: [heads, bins], layout: "[heads, bins]",
        meaning: "gain before the context changes it, 1"),
      WeightSpecification(
        name: "baseBias", extents: [heads, bins], layout: "[heads, bins]",
        meaning: "modReLU bias before the context changes it, -0.1"),
    ]
  }

  public func drawWeights(_ seed: Seed) -> WeightSet {
    let deviation = 1 / Float(shape.channels).squareRoot()
    var weights = WeightSet()
    for specification in weightSpecifications {
      let tensor = Tensor<Float>(specification.extents)
      switch specification.name {
      case "baseFilter": tensor.elements.update(repeating: 1)
      case "baseBias": tensor.elements.update(repeating: -0.1)
      default:
        var generator = SplitMix64(seed: seed.child(specification.name))
        for index in 0..<tensor.count {
          tensor[index] = deviation * generator.normal()
        }
      }
      weights.tensors[specification.name] = tensor
    }
    return weights
  }

  public func oracle(_ problem: ReferenceProblem) -> ReferenceOutput {
    var values: [Double] = []
    for features in problem.tokenMatrices() {
      values += mix(features, problem).values
    }
    return ReferenceOutput(extents: problem.shape.tokenExtents, values: values)
  }

  private func mix(_ features: Rows, _ problem: ReferenceProblem) -> Rows {
    let tokens = features.count
    let normalised = Self.layerNorm(features)
    let (gains, biases) = network(normalised, problem)
    let scale = 1 / Double(tokens).squareRoot()
    var output = features
    for channel in 0..<features.width {
      let head = channel / problem.shape.headDim
      var spectrum = FourierReference.transform(
        real: (0..<tokens).map { scale * normalised[$0, channel] },
        imaginary: [Double](repeating: 0, count: tokens))
      for frequency in 0..<tokens {
        // Negative frequencies are conjugates of the positive ones: the same gain and bias.
        let bin = min(frequency, tokens - frequency)
        let factor = factor(
          spectrum.real[frequency], spectrum.imaginary[frequency], gain: gains[head, bin],
          bias: biases[head, bin])
        spectrum.real[frequency] *= factor
        spectrum.imaginary[frequency] *= factor
      }
      let mixed = FourierReference.transform(
        real: spectrum.real, imaginary: spectrum.imaginary, inverse: true)
      for row in 0..<tokens {
        output[row, channel] += scale * mixed.real[row]
      }
    }
    return output
  }

  private func factor(
    _ real: Double, _ imaginary: Double, gain: Double, bias: Double
  ) -> Double {
    guard parameters.nonlinearity == .modReLU else { return gain }
    let magnitude = abs(gain) * (real * real + imaginary * imaginary).squareRoot()
    let guarded = (magnitude * magnitude + parameters.epsilon * parameters.epsilon).squareRoot()
    return gain * max(magnitude + bias, 0) / guarded
  }

  private static func layerNorm(_ features: Rows) -> Rows {
    var result = features
    for row in 0..<features.count {
      let mean = features[row].reduce(0, +) / Double(features.width)
      let variance =
        features[row].reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(features.width)
      for column in 0..<features.width {
        result[row, column] = (features[row, column] - mean) / (variance + normEpsilon).squareRoot()
      }
    }
    return result
  }

  /// Gains and biases `[heads, bins]` from the mean normalised token.
  private func network(_ normalised: Rows, _ problem: ReferenceProblem) -> (Rows, Rows) {
    let context = (0..<normalised.width).map { channel in
      (0..<normalised.count).reduce(0) { $0 + normalised[$1, channel] } / Double(normalised.count)
    }
    let hidden = Self.linear(problem, "contextWeight1", "contextBias1", context).map {
      0.5 * $0 * (1 + Double.erf($0 / 2.0.squareRoot()))
    }
    let changes = Self.linear(problem, "contextWeight2", "contextBias2", hidden)
    let bins = normalised.count / 2 + 1
    var gains = Rows(problem.weights["baseFilter"].base, problem.shape.queryHeads, bins)
    var biases = Rows(problem.weights["baseBias"].base, problem.shape.queryHeads, bins)
    for head in 0..<problem.shape.queryHeads {
      for bin in 0..<bins {
        let change = 2 * (head * bins + bin)
        gains[head, bin] *= 1 + changes[change]
        biases[head, bin] += changes[change + 1]
      }
    }
    return (gains, biases)
  }

  private static func linear(
    _ problem: ReferenceProblem, _ weight: String, _ bias: String, _ input: [Double]
  ) -> [Double] {
    let matrix = problem.weights[weight]
    let offset = problem.weights[bias]
    return (0..<offset.count).map { row in
      input.indices.reduce(Double(offset[row])) {
        $0 + Double(matrix[row * input.count + $1]) * input[$1]
      }
    }
  }
}
