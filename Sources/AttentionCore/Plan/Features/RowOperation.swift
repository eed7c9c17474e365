// SPDX-License-Identifier: MIT

/// One step of a feature map, applied to every row of queries or of keys.
///
/// A feature map is a short list of steps. Weights that a step names have one matrix or row per
/// head of the side that it maps.
public enum RowOperation: Hashable, Sendable {
  case scale(Double)
  /// `W x + b` with `W` `[heads, width, inputs]` and `b` `[heads, width]`.
  case project(weight: String, bias: String?, width: Int)
  /// `w_c x_c` by a weight `[heads, width]`; with `inverseSoftplus`, `x_c / softplus(w_c)`.
  case channels(weight: String, inverseSoftplus: Bool)
  /// Adds the row that the map began with.
  case addInput
  /// Turns pairs of channels by angles that grow with the token's place.
  case rotate(Rotation)
  case activate(Activation)
  /// `exp(x)` divided by its sum over the row.
  case softmax
  /// `(factor x, -factor x)`.
  case pairs(factor: Double)
  /// `x / max(|x|, epsilon)`.
  case unit(epsilon: Double)
  /// `(x - mean) / sqrt(variance + epsilon)` over the row.
  case layerNorm(epsilon: Double)
  /// `|x| x^power / |x^power|`, powers by element.
  case focus(power: Int)
  /// `1`, `f x_i`, `f^2 x_i x_j`, `f^2 x_i^2 / sqrt 2`: products are `1 + s + s^2 / 2`,
  /// `s = f^2 x . y`.
  case taylor(factor: Double)
  /// `(x cos(pi t / 2 n), x sin(pi t / 2 n))` for the token at place `t = 1 ...`, `n` the longer of
  /// the sequences.
  case quarterWave
  /// Multiplies the row of token `t = 1 ...` by `t^(-sigmoid(w_h))`, or, with `wholeLength`, every
  /// row by `n^(-sigmoid(w_h))`, by a weight `[heads]`.
  case lengthPower(weight: String, wholeLength: Bool)
  /// One more channel, the same in every row.
  case append(Double)
  /// Ends the features of the denominator; what follows belongs to the numerator alone.
  case mark
  /// Multiplies rows by the factors that the statistic of the stage found for their tokens.
  case statisticFactor
  /// What the statistic of the stage found for every channel: subtracted or multiplied.
  case statisticShift
  case statisticScale
  /// Exponentials of what the statistic scales, less what it shifts by: its extremes.
  case statisticExponential
  /// Exponentials of what the statistic scales, less the largest of the row.
  case rowExponential

  public enum Activation: Hashable, Sendable {
    case elu1, sigmoid, silu, gelu, softplus, logSigmoid
    case relu(plus: Double)
    case leakyReLU(slope: Double)
  }

  /// Rotations of channel pairs `(2 i, 2 i + 1)` by `place * base^(-i / pairs)`.
  ///
  /// On a grid the pairs are shared out evenly among the axes, the first ones taking what is left.
  public struct Rotation: Hashable, Sendable {
    public let base: Double
    /// Whether a token's place is that on the grid, if there is one.
    public let usesGrid: Bool

    public init(base: Double, usesGrid: Bool = false) {
      self.base = base
      self.usesGrid = usesGrid
    }
  }

  /// Channels after the step.
  func width(after width: Int) -> Int {
    switch self {
    case .project(_, _, let width): width
    case .pairs, .quarterWave: 2 * width
    case .taylor: 1 + width + width * (width + 1) / 2
    case .append: width + 1
    default: width
    }
  }

  /// Exponentials of one row of `width` channels.
  func exponentials(width: Int) -> Int {
    switch self {
    case .softmax, .statisticExponential, .rowExponential: return width
    case .activate(let activation):
      switch activation {
      case .elu1, .sigmoid, .silu, .gelu, .softplus, .logSigmoid: return width
      case .relu, .leakyReLU: return 0
      }
    default: return 0
    }
  }

  /// Work on one row of `width` channels.
  func operations(width: Int) -> OperationCounts {
    let exponentials = exponentials(width: width)
    switch self {
    case .project(_, let bias, let out):
      return OperationCounts([.float32: 2 * width * out, .elementwise: bias == nil ? 0 : out])
    case .activate, .statisticExponential, .rowExponential:
      return OperationCounts([
        .exponential: exponentials, .elementwise: exponentials == 0 ? width : 0,
      ])
    case .softmax: return OperationCounts([.exponential: width, .elementwise: 2 * width])
    case .rotate: return OperationCounts([.elementwise: 3 * width])
    case .unit: return OperationCounts([.elementwise: 3 * width])
    case .layerNorm: return OperationCounts([.elementwise: 6 * width])
    case .focus(let power): return OperationCounts([.elementwise: (power + 4) * width])
    case .taylor: return OperationCounts([.elementwise: self.width(after: width)])
    case .pairs, .quarterWave: return OperationCounts([.elementwise: 2 * width])
    case .append, .mark: return OperationCounts()
    default: return OperationCounts([.elementwise: width])
    }
  }
}

/// The steps of one side, with the widths that rows have between them.
public struct FeatureSteps: Hashable, Sendable {
  public let steps: [RowOperation]

  public init(_ steps: [RowOperation]) {
    self.steps = steps
  }

  /// Channels ahead of every step, and after the last.
  public func widths(inputs: Int) -> [Int] {
    steps.reduce(into: [inputs]) { widths, step in
      widths.append(step.width(after: widths[widths.count - 1]))
    }
  }

  public func featureDim(inputs: Int) -> Int {
    steps.reduce(inputs) { $1.width(after: $0) }
  }

  /// Channels of the features that the denominator is made of, if they are others.
  public func markedDim(inputs: Int) -> Int? {
    guard let index = steps.firstIndex(of: .mark) else { return nil }
    return widths(inputs: inputs)[index]
  }

  public func exponentials(inputs: Int) -> Int {
    zip(steps, widths(inputs: inputs)).reduce(0) { $0 + $1.0.exponentials(width: $1.1) }
  }

  func operations(rows: Int, inputs: Int) -> OperationCounts {
    zip(steps, widths(inputs: inputs)).reduce(OperationCounts()) {
      $0 + $1.0.operations(width: $1.1)
    }.times(rows)
  }
}
