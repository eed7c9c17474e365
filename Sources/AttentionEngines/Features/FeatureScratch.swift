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
  /// Floats beside a state: sums of marked features, or what flows add up to.
  var marks: Int { vector + FlowShares.conserved }
  let kernelBytes: Int
  private let block: Int
  /// Floats of the gates of a chunk.
  private let gates: Int
  private let statistic: Int

  init(
    _ stage: FeatureAttention, shape: AttentionShape, stride: Int, maps: Bool, kernelBytes: Int,
    statistic: Int
  ) {
    self.stride = stride
    chunk = Self.chunk(
      stage, features: stage.featureDim(shape: shape), maps: maps, isCausal: shape.isCausal)
    vector = max(stride, RowPrograms.stride(shape.valueDim))
    block = Int(ATTN_ROW_BLOCK) * stride
    gates = if case .gates = stage.recurrence { chunk * stride } else { 0 }
    self.kernelBytes = (kernelBytes + 63) & ~63
    self.statistic = statistic
  }

  /// Floats between rows of features of either side: an odd number of cache lines, so that rows that
  /// follow each other fall into different cache sets.
  static func stride(_ programs: [RowPrograms]) -> Int {
    Int(attn_scan_stride(Int32(programs.map(\.stride).max() ?? 0)))
  }

  /// Most tokens that are mapped at a time: with causality queries and keys of a chunk stay together.
  static func longestChunk(isCausal: Bool) -> Int { isCausal ? 256 : 512 }

  /// Tokens whose features stay in the second cache beside the state.
  ///
  /// Where products take rows as they come, nothing has to stay but their outputs, and values that a
  /// convolution reads.
  private static func chunk(
    _ stage: FeatureAttention, features: Int, maps: Bool, isCausal: Bool
  ) -> Int {
    guard maps || stage.local != nil || stage.chunkLength < 256 else { return 1024 }
    let fitting = max(32, (1 << 16) / features & ~63)
    return max(1, min(stage.chunkLength, longestChunk(isCausal: isCausal), fitting))
  }

  /// Bytes of a worker: kernels, features of queries and keys, rows between steps, gates, vectors.
  var bytes: Int {
    kernelBytes + 4
      * max(2 * chunk * stride + 2 * block + gates + 6 * vector + 4 * chunk, statistic)
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
      gates: after + 2 * block, first: after, second: after + block,
      vectors: after + 2 * block + gates,
      products: after + 2 * block + gates + 6 * vector)
  }
}
