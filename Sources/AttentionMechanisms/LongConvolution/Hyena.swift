// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionReference
import RealModule

/// Hyena of order 2: a long convolution between two gates.
///
/// `o = q (h * (k v) + D k v)`, channel by channel; the causal filter `h` of every channel comes from a
/// network over positions, `h_t = exp(-t |delta_c|) network(t)`. Queries, keys and values are the three
/// projections of the layer after its short convolution. headDim equals valueDim and heads are not
/// shared. Filters depend on weights and length alone and are transformed ahead of time.
///
/// One head does `valueDim` convolutions, each through transforms of a few blocks.
///
/// Source: Poli et al., *Hyena Hierarchy: Towards Larger Convolutional Language Models* (2023),
/// arXiv:2302.10866, sections 3.1 to 3.3; window and positions as in the authors' code.
public struct Hyena: AttentionMechanism {
  public struct Parameters: MechanismParameters {
    public var embedding = 3
    public var width = 64
    public var frequency = 1.0

    public init() {}

    public static let fields: [ParameterField<Parameters>] = [
      ParameterField("embedding", \.embedding, "Features of a position, odd."),
      ParameterField("width", \.width, "Channels of the filter's network."),
      ParameterField("frequency", \.frequency, "Factor inside of the network's sines."),
    ]
  }

  public static let card = MechanismCard(
    id: "hyena", title: "Hyena", family: .longConvolution,
    origin: Citation(
      "Hyena Hierarchy: Towards Larger Convolutional Language Models", arXiv: "2302.10866",
      year: 2023),
    summary: "A convolution as long as the sequence between two gates, through Fourier transforms.",
    patterns: [.causalSelf], exactness: .approximate, laws: [],
    cost: "valueDim real transforms of 2 tokens, forth and back")

  public let parameters: Parameters
  private let shape: AttentionShape

  public init(_ parameters: Parameters, shape: AttentionShape) throws(MechanismError) {
    guard parameters.embedding >= 3, parameters.embedding % 2 == 1 else {
      throw .outOfRange(
        parameter: "embedding", value: "\(parameters.embedding)",
        rule: "it must be odd and at least 3: time, real and imaginary parts")
    }
    try Self.require("width", parameters.width, atLeast: 1)
    guard shape.headDim == shape.valueDim, shape.queryHeads == shape.keyValueHeads else {
      throw .unsupportedShape(
        mechanism: "hyena", shape: "\(shape)",
        rule: "queries, keys and values meet channel by channel, so headDim must equal valueDim "
          + "and heads must not be shared")
    }
    self.parameters = parameters
    self.shape = shape
  }

  public var plan: Plan {
    let filter = ImplicitFilter(
      embedding: parameters.embedding, width: parameters.width,
      frequency: parameters.frequency)
    return Plan(shape: shape, stages: [.convolve(.gated(filter))])
  }

  private var channels: Int { shape.queryHeads * shape.valueDim }

  private var weights: [DrawnWeight] {
    let width = parameters.width
    let layers =
      layer("filter1", inputs: parameters.embedding) + layer("filter2", inputs: width)
      + layer("filter3", inputs: width)
    return layers + [
      DrawnWeight(
        "filterOut", [channels, width], "[channels, width]", "last layer, N(0, 1 / width)",
        .normal(1 / Double(width).squareRoot())),
      DrawnWeight("direct", [channels], "[channels]", "the direct term D, N(0, 1)", .normal(1)),
    ]
  }

  private func layer(_ name: String, inputs: Int) -> [DrawnWeight] {
    let deviation = 1 / Double(inputs).squareRoot()
    return [
      DrawnWeight(
        name, [parameters.width, inputs], "[width, inputs]",
        "layer of the filter's network, N(0, 1 / inputs)", .normal(deviation)),
      DrawnWeight(
        name + "Bias", [parameters.width], "[width]", "its bias, N(0, 1 / inputs)",
        .normal(deviation)),
    ]
  }

  public var weightSpecifications: [WeightSpecification] { weights.specifications }
  public func drawWeights(_ seed: Seed) -> WeightSet { DrawnWeight.draw(weights, seed) }

  public func oracle(_ problem: ReferenceProblem) -> ReferenceOutput {
    let length = shape.queryLength
    let hidden = (0..<length).map { features($0, problem.weights) }
    let outer = problem.weights["filterOut"]
    let direct = problem.weights["direct"]
    return problem.mapHeads { head, _, queryHead in
      var output = Rows(count: length, width: shape.valueDim)
      for channel in 0..<shape.valueDim {
        let index = queryHead * shape.valueDim + channel
        let filter = (0..<length).map { time in
          let value = (0..<parameters.width).reduce(0.0) {
            $0 + Double(outer[index * parameters.width + $1]) * hidden[time][$1]
          }
          return value * Double.exp(-self.time(time) * decay(index))
        }
        let gated = (0..<length).map { head.key[$0, channel] * head.value[$0, channel] }
        for row in 0..<length {
          let sum = (0...row).reduce(0.0) { $0 + filter[row - $1] * gated[$1] }
          output[row, channel] =
            head.query[row, channel] * (sum + Double(direct[index]) * gated[row])
        }
      }
      return output
    }
  }

  private func time(_ index: Int) -> Double {
    Double(index) / Double(max(shape.queryLength - 1, 1))
  }

  private func decay(_ channel: Int) -> Double {
    let (first, last) = (Double.log(0.01) / 1.5, Double.log(0.01) / 0.3)
    guard channels > 1 else { return abs(first) }
    return abs(first + (last - first) * Double(channel) / Double(channels - 1))
  }

  /// The network's features of a position behind its three layers.
  private func features(_ index: Int, _ weights: WeightSet) -> [Double] {
    let bands = (parameters.embedding - 1) / 2
    let angle = 2 * Double.pi * Double(index) / Double(shape.queryLength)
    let rates = (0..<bands).map { band in
      bands == 1
        ? 1e-4 : 1e-4 + (Double(bands - 1) - 1e-4) * Double(band) / Double(bands - 1)
    }
    var row =
      [time(index)] + rates.map { Double.cos($0 * angle) } + rates.map { -Double.sin($0 * angle) }
    for layer in ["filter1", "filter2", "filter3"] {
      let matrix = weights[layer].array.map(Double.init)
      let bias = weights[layer + "Bias"].array.map(Double.init)
      row = zip(RowReference.product(matrix[...], row), bias).map {
        Double.sin(parameters.frequency * ($0 + $1))
      }
    }
    return row
  }
}
