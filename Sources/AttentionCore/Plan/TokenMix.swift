// SPDX-License-Identifier: MIT

import RealModule

/// Mixing of token features `[batch, sequence, channels]` by Fourier transforms.
public enum TokenMix: Hashable, Sendable {
  /// `Re(FFT over tokens (FFT over channels (x)))`.
  case fourier2D
  /// FFTNet: layer norm, real FFT over tokens, content-adaptive filter, modReLU, inverse, residual.
  case adaptiveFilter(AdaptiveFilter)

  /// What an engine must count at `shape`: the bytes of every stage.
  public func expectedCounts(shape: AttentionShape) -> EngineCounts {
    var counts = EngineCounts()
    for stage in work(shape: shape) {
      counts.bytesRead += stage.bytesRead
      counts.bytesWritten += stage.bytesWritten
    }
    return counts
  }

  func work(shape: AttentionShape) -> [StageWork] {
    switch self {
    case .fourier2D: [Self.fourierWork(shape: shape)]
    case .adaptiveFilter(let filter): filter.work(shape: shape)
    }
  }

  /// The work of the real part: a quarter of the complex transform's operations.
  ///
  /// It is the transform of the even part of `x`, which is real and even, as is its transform. So
  /// half of the columns and half of the rows, each real, are all there is to compute: a quarter of
  /// `5 n c (log2 n + log2 c)`.
  private static func fourierWork(shape: AttentionShape) -> StageWork {
    let elements = shape.batch * shape.queryLength * shape.channels
    let logarithms = Double.log2(Double(shape.queryLength)) + Double.log2(Double(shape.channels))
    let flops = 1.25 * Double(elements) * logarithms
    return StageWork(
      name: "transform channels and tokens",
      // One addition per pair of elements that mirror each other.
      operations: OperationCounts([
        .fourier: Int(flops.rounded()), .elementwise: (elements + 1) / 2,
      ]),
      bytesRead: 4 * elements, bytesWritten: 4 * elements,
      parallelUnits: shape.batch * (shape.channels / 2 + 1))
  }
}

/// The filter of FFTNet.
///
/// Source: Fein-Ashley et al., *The FFT Strikes Back* (2025), arXiv:2502.18394, section 3.
public struct AdaptiveFilter: Hashable, Sendable {
  public enum Nonlinearity: String, Hashable, Sendable, Codable, ParameterChoice {
    /// `relu(|z| + bias) z / |z|`.
    case modReLU = "modrelu"
    /// The filter alone.
    case none
  }

  public let nonlinearity: Nonlinearity
  /// Guards the division by `|z|`.
  public let epsilon: Double

  public init(nonlinearity: Nonlinearity, epsilon: Double) {
    self.nonlinearity = nonlinearity
    self.epsilon = epsilon
  }

  /// Frequencies of a real transform over the tokens.
  public static func bins(shape: AttentionShape) -> Int { shape.queryLength / 2 + 1 }

  func work(shape: AttentionShape) -> [StageWork] {
    let length = shape.queryLength
    let channels = shape.channels
    let elements = shape.batch * length * channels
    let filters = shape.queryHeads * Self.bins(shape: shape)
    let weights = channels * channels + 2 * filters * channels
    // Two matrices, their two biases, and the base of filter and bias.
    let weightBytes = 4 * (weights + channels + 2 * filters + 2 * filters)
    let transforms = 2 * 2.5 * Double(elements) * Double.log2(Double(length))
    return [
      StageWork(
        name: "layer norm and context",
        operations: OperationCounts([
          .elementwise: 6 * elements, .float32: 2 * shape.batch * weights,
        ]),
        bytesRead: 4 * elements + weightBytes, bytesWritten: 0, parallelUnits: 2 * filters),
      StageWork(
        name: "transform, filter, inverse",
        operations: OperationCounts([
          .fourier: Int(transforms.rounded()),
          .elementwise: 12 * shape.batch * Self.bins(shape: shape) * channels,
        ]),
        bytesRead: 4 * elements, bytesWritten: 4 * elements, parallelUnits: shape.batch * channels),
    ]
  }
}
