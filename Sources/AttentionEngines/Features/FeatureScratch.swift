// SPDX-License-Identifier: MIT

import AttentionCore
import CAttentionKernels

/// How the scratch of a worker is cut, in floats.
struct FeatureScratch {
  /// Tokens mapped at a time.
  let chunk: Int
  /// Floats between rows of features.
  let stride: Int
  /// Floats of a vector over features or over channels.
  let vector: Int
  let kernelBytes: Int
  private let block: Int
  private let statistic: Int

  init(
    _ stage: FeatureAttention, shape: AttentionShape, strides: [Int], kernelBytes: Int,
    statistic: Int
  ) {
    let features = stage.featureDim(shape: shape)
    let fitting = max(64, (1 << 16) / features & ~63)
    let most =
      switch stage.recurrence {
      case .gates, .runningSoftmax: 64
      default: 256
      }
    chunk = max(1, min(stage.chunkLength, most, fitting))
    stride = strides.max() ?? RowPrograms.stride(features)
    vector = max(stride, RowPrograms.stride(shape.valueDim))
    block = Int(ATTN_ROW_BLOCK) * stride
    self.kernelBytes = (kernelBytes + 63) & ~63
    self.statistic = statistic
  }

  /// Bytes of a worker: kernels, features of queries and keys, rows between steps, gates, vectors.
  var bytes: Int {
    kernelBytes + 4 * max(2 * chunk * stride + 3 * block + 6 * vector + 4 * chunk, statistic)
  }

  /// The parts of one worker's scratch.
  struct Parts {
    let kernel: UnsafeMutableRawPointer
    let floats: UnsafeMutablePointer<Float>
    let queries, keys, gates: UnsafeMutablePointer<Float>
    let first, second: UnsafeMutablePointer<Float>
    /// Six vectors after each other.
    let vectors: UnsafeMutablePointer<Float>
    let products: UnsafeMutablePointer<Float>
  }

  func parts(_ base: UnsafeMutableRawPointer) -> Parts {
    let floats = (base + kernelBytes).assumingMemoryBound(to: Float.self)
    let after = floats + 2 * chunk * stride
    return Parts(
      kernel: base, floats: floats, queries: floats, keys: floats + chunk * stride,
      gates: after + 2 * block, first: after, second: after + block, vectors: after + 3 * block,
      products: after + 3 * block + 6 * vector)
  }
}
