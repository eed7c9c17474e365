// SPDX-License-Identifier: MIT

import AttentionCore
import CAttentionKernels

/// The depthwise convolution of values that is added to outputs.
final class LocalTerm: @unchecked Sendable {
  let stage: LocalConvolution
  private let shape: AttentionShape
  private let kernels: attn_features_kernels_t
  private let taps: Int
  private let padded: Int
  /// Kernels `[key-value heads of the batch, taps, padded]` and biases `[the same heads, padded]`.
  private let packed: Tensor<Float>
  private let biases: Tensor<Float>?
  private let weights: WeightSet
  private var plan = attn_depthwise_t()

  init(
    _ stage: LocalConvolution, shape: AttentionShape, weights: WeightSet,
    kernels: attn_features_kernels_t
  ) {
    self.stage = stage
    self.shape = shape
    self.kernels = kernels
    self.weights = weights
    taps = stage.tapCount(shape: shape)
    padded = Int(attn_row_padded(Int32(shape.valueDim)))
    let heads = shape.batch * shape.keyValueHeads
    packed = Tensor([heads, taps, padded])
    packed.elements.update(repeating: 0)
    let bias: String? =
      switch stage.kernel {
      case .shared(_, let bias), .perChannel(_, let bias): bias
      case .perHead, .fromMeanValue: nil
      }
    biases = bias == nil ? nil : Tensor([heads, padded])
    plan.width = Int32(shape.valueDim)
    let extents = stage.extents(shape: shape).map(Int32.init)
    let sizes = stage.taps(shape: shape).map(Int32.init)
    plan.extent = (extents[0], extents[1], extents[2])
    plan.taps = (sizes[0], sizes[1], sizes[2])
    pack(bias: bias)
  }

  var bytes: Int { packed.byteCount + (biases?.byteCount ?? 0) }

  /// Whether kernels wait for the values.
  var readsValues: Bool {
    if case .fromMeanValue = stage.kernel { true } else { false }
  }

  private func pack(bias: String?) {
    for head in 0..<shape.batch * shape.keyValueHeads {
      let weightHead = head % shape.keyValueHeads
      for channel in 0..<shape.valueDim {
        for tap in 0..<taps {
          packed[(head * taps + tap) * padded + channel] = weight(weightHead, channel, tap)
        }
        guard let bias, let biases else { continue }
        let values = weights[bias]
        let isShared = values.count == shape.valueDim
        biases[head * padded + channel] =
          values[isShared ? channel : weightHead * shape.valueDim + channel]
      }
      guard let biases else { continue }
      for channel in shape.valueDim..<padded { biases[head * padded + channel] = 0 }
    }
  }

  private func weight(_ head: Int, _ channel: Int, _ tap: Int) -> Float {
    switch stage.kernel {
    case .shared(let name, _): weights[name][channel * taps + tap]
    case .perChannel(let name, _):
      weights[name][(head * shape.valueDim + channel) * taps + tap]
    case .perHead(let name): weights[name][head * taps + tap]
    case .fromMeanValue: 0
    }
  }

  /// Makes the kernels of a key-value head from its mean value.
  ///
  /// - Requires: `hidden` has room for a padded row.
  func derive(
    keyHead: Int, mean: UnsafePointer<Float>, hidden: UnsafeMutablePointer<Float>
  ) {
    guard case .fromMeanValue(let first, let firstBias, let second, let secondBias) = stage.kernel
    else { return }
    let width = shape.valueDim
    let head = keyHead % shape.keyValueHeads
    let (inner, outer) = (weights[first], weights[second])
    kernels.row_dots(
      inner.base + head * width * width, width, Int32(width), Int32(width), mean, 0, hidden)
    for channel in 0..<width { hidden[channel] += weights[firstBias][head * width + channel] }
    kernels.gelu(hidden, Int64(width))
    let start = head * taps * width
    for tap in 0..<taps {
      let row = packed.base + (keyHead * taps + tap) * padded
      kernels.row_dots(
        outer.base + (start + tap * width) * width, width, Int32(width), Int32(width), hidden, 0,
        row)
      for channel in 0..<width {
        row[channel] += weights[secondBias][start + tap * width + channel]
      }
    }
  }

  /// Adds the convolution at some tokens of a head to its output, with `bias` where it has none.
  func add(
    keyHead: Int, value: UnsafePointer<Float>, tokens: Range<Int>,
    bias: UnsafePointer<Float>? = nil, to output: UnsafeMutablePointer<Float>
  ) {
    var plan = plan
    plan.weights = UnsafePointer(packed.base + keyHead * taps * padded)
    plan.bias = biases.map { UnsafePointer($0.base + keyHead * padded) } ?? bias
    kernels.depthwise(
      &plan, value, shape.valueDim, Int32(tokens.lowerBound), Int32(tokens.count),
      output + tokens.lowerBound * shape.valueDim, shape.valueDim)
  }
}
