// SPDX-License-Identifier: MIT

import AttentionCore
import CAttentionKernels
import COpenBLAS

/// Landmarks from windows of queries: a convolution, a norm over channels, GELU.
final class WindowPool: @unchecked Sendable {
  private let windows: LandmarkWindows
  private let places: [Int]
  private let width: Int
  private let scale: Float
  private let kernels: attn_features_kernels_t
  /// `[window tokens, inputs, outputs]`.
  private let packed: Tensor<Float>

  init(
    _ windows: LandmarkWindows, shape: AttentionShape, weights: WeightSet,
    kernels: attn_features_kernels_t
  ) {
    self.windows = windows
    self.kernels = kernels
    places = (0..<windows.count).flatMap(windows.tokens(of:))
    width = shape.headDim
    scale = Float(shape.softmaxScale.squareRoot())
    packed = Tensor([windows.tokens, width, width])
    let pool = weights["pool"]
    for output in 0..<width {
      for input in 0..<width {
        for token in 0..<windows.tokens {
          packed[(token * width + input) * width + output] =
            pool[(output * width + input) * windows.tokens + token]
        }
      }
    }
  }

  var bytes: Int { packed.byteCount }
  var tokens: Int { places.count }
  /// Windows side by side.
  var scratchCount: Int { places.count * width }

  func landmarks(
    _ query: UnsafePointer<Float>, into result: UnsafeMutablePointer<Float>,
    scratch: UnsafeMutablePointer<Float>
  ) {
    for (index, place) in places.enumerated() {
      (scratch + index * width).update(from: query + place * width, count: width)
    }
    let inputs = Int32(windows.tokens * width)
    cblas_sgemm(
      CblasRowMajor, CblasNoTrans, CblasNoTrans, Int32(windows.count), Int32(width), inputs,
      scale, scratch, inputs, packed.base, Int32(width), 0, result, Int32(width))
    kernels.normalise_rows(result, width, Int32(windows.count), Int32(width), 1, 1e-5)
    kernels.gelu(result, Int64(windows.count * width))
  }
}
