// SPDX-License-Identifier: MIT

import RealModule

/// Mixing of token features `[batch, sequence, channels]` by Fourier transforms.
public enum TokenMix: Hashable, Sendable {
  /// `Re(FFT over tokens (FFT over channels (x)))`.
  case fourier2D
  /// FFTNet: layer norm, real FFT over tokens, content-adaptive filter, modReLU, inverse, residual.
  case adaptiveFilter(AdaptiveFilter)

  func work(shape: AttentionShape) -> [StageWork] {
    let length = shape.queryLength
    let channels = shape.channels
    let elements = shape.batch * length * channels
    switch self {
    case .fourier2D:
      let flops = 5 * Double(elements) * (Double.log2(Double(length)) + Double.log2(Double(channels)))
      return [
        StageWork(
          name: "transform channels and tokens",
          operations: OperationCounts([.fourier: Int(flops.rounded())]),
          bytesRead: 4 * elements, bytesWritten: 4 * elements, parallelUnits: shape.batch * channels)
      ]
    case .adaptiveFilter(let filter):
      return filter.work(shape: shape)
    }
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

  func work(shape: AttentionShape) -> [StageWork] {
    let length = shape.queryLength
    let channels = shape.channels
    let elements = shape.batch * length * channels
    let bins = shape.batch * (length / 2 + 1) * channels
    let context = 2 * channels * channels + 4 * channels * shape.queryHeads * (length / 2 + 1)
    let transforms = 2 * 2.5 * Double(elements) * Double.log2(Double(length))
    return [
      StageWork(
        name: "layer norm and context",
        operations: OperationCounts([
          .elementwise: 6 * elements, .float32: shape.batch * context,
        ]),
        bytesRead: 4 * elements, bytesWritten: 0, parallelUnits: shape.batch),
      StageWork(
        name: "transform, filter, inverse",
        operations: OperationCounts([
          .fourier: Int(transforms.rounded()), .elementwise: 12 * bins,
        ]),
        bytesRead: 4 * elements, bytesWritten: 4 * elements, parallelUnits: shape.batch * channels),
    ]
  }
}
