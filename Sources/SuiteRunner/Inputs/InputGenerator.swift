// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionEngines

/// Makes the tensors of a case; the same seed gives the same bits on every machine, however many
/// workers make them.
public struct InputGenerator: Sendable {
  private let seed: Seed
  private let pool: WorkerPool?

  /// A generator whose work `pool` shares, nil leaving it to the calling thread.
  public init(seed: Seed, pool: WorkerPool? = nil) {
    self.seed = seed.child("inputs")
    self.pool = pool
  }

  /// Query, key and value of `shape`, or one tensor of token features.
  public func inputs(
    _ input: GeneratedInput, kind: InputKind, shape: AttentionShape
  ) -> AttentionInputs {
    switch kind {
    case .tokens:
      return .tokens(make(input, role: .value, name: "x", extents: shape.tokenExtents, shape))
    case .queryKeyValue:
      return .queryKeyValue(
        query: make(input, role: .query, name: "query", extents: shape.queryExtents, shape),
        key: make(input, role: .key, name: "key", extents: shape.keyExtents, shape),
        value: make(input, role: .value, name: "value", extents: shape.valueExtents, shape))
    }
  }

  private enum Role {
    case query, key, value
  }

  private func make(
    _ input: GeneratedInput, role: Role, name: String, extents: [Int], _ shape: AttentionShape
  ) -> Tensor<Float> {
    let stream = seed.child(input.rawValue)
    let tensor = Tensor<Float>(extents)
    fillNormal(tensor, stream.child(name))
    switch (input, role) {
    case (.gaussian, _), (.outlierChannels, .value), (.rareLarge, .value), (.peaky, .key),
      (.peaky, .value), (.outlierQueryKey, .value), (.biasedValues, .query), (.biasedValues, .key):
      break
    case (.peaky, .query): scale(tensor, by: 3)
    case (.outlierQueryKey, .query): shiftSixChannels(tensor, first: 5, bias: [12])
    case (.outlierQueryKey, .key): shiftSixChannels(tensor, first: 11, bias: [15, -15])
    case (.biasedValues, .value): addChannelBias(tensor, stream.child("bias"), deviation: 8)
    case (.outlierChannels, .query): scaleOutlierChannels(tensor, by: 0.5)
    case (.outlierChannels, .key): shiftOutlierChannels(tensor, stream.child("bias"))
    case (.rareLarge, _): addRareLarge(tensor, stream.child(name + "/rare"))
    case (.correlatedGrid, .value): smooth(tensor, shape, keep: 0.9)
    case (.correlatedGrid, _):
      smooth(tensor, shape, keep: 0.9)
      blend(tensor, with: .correlatedGrid, keep: 0.9, share: 0.8, gain: 1.6, shape)
    case (.sinkLocal, .value): smooth(tensor, shape, keep: 0.5)
    case (.sinkLocal, .query):
      blend(tensor, with: .sinkLocal, keep: 0.97, share: 0.7, gain: 1.3, shape)
      addSink(tensor, tokens: nil, gain: 0.5)
    case (.sinkLocal, .key):
      blend(tensor, with: .sinkLocal, keep: 0.97, share: 0.7, gain: 1.3, shape)
      addSink(tensor, tokens: 4, gain: 2)
    }
    return tensor
  }

  private func fillNormal(_ tensor: Tensor<Float>, _ seed: Seed) {
    share(tensor.count) { range in
      // Each value takes three steps of the counter.
      var generator = SplitMix64(seed: seed, skipping: 3 * range.lowerBound)
      for index in range { tensor.base[index] = generator.normal() }
    }
  }

  /// Calls `body` for parts of `0 ..< count`.
  private func share(_ count: Int, _ body: @escaping @Sendable (Range<Int>) -> Void) {
    let size = 1 << 16
    let parts = (count + size - 1) / size
    each(parts) { part in body(part * size..<min(count, (part + 1) * size)) }
  }

  /// Calls `body` for every unit below `count`.
  private func each(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) {
    guard let pool else {
      for unit in 0..<count { body(unit) }
      return
    }
    pool.run(units: count) { _, unit in body(unit) }
  }

  private func scale(_ tensor: Tensor<Float>, by factor: Float) {
    for index in 0..<tensor.count { tensor[index] *= factor }
  }

  /// Adds biases in turn to six channels spread over the head dimension.
  private func shiftSixChannels(_ tensor: Tensor<Float>, first: Int, bias: [Float]) {
    let width = tensor.extents.last ?? 1
    var shift = [Float](repeating: 0, count: width)
    for place in 0..<6 { shift[(first + place * width / 6) % width] = bias[place % bias.count] }
    for index in 0..<tensor.count { tensor[index] += shift[index % width] }
  }

  private func addChannelBias(_ tensor: Tensor<Float>, _ seed: Seed, deviation: Float) {
    var generator = SplitMix64(seed: seed)
    let bias = (0..<(tensor.extents.last ?? 1)).map { _ in deviation * generator.normal() }
    for index in 0..<tensor.count { tensor[index] += bias[index % bias.count] }
  }

  /// Four channels spread over the head dimension, as in the accuracy tables of low-bit attention.
  private func outlierChannels(_ width: Int) -> Set<Int> {
    Set((0..<4).map { ($0 * width / 4 + width / 8) % width })
  }

  private func scaleOutlierChannels(_ tensor: Tensor<Float>, by factor: Float) {
    let width = tensor.extents.last ?? 1
    let channels = outlierChannels(width)
    for index in 0..<tensor.count where channels.contains(index % width) {
      tensor[index] *= factor
    }
  }

  private func shiftOutlierChannels(_ tensor: Tensor<Float>, _ seed: Seed) {
    let width = tensor.extents.last ?? 1
    var generator = SplitMix64(seed: seed)
    let bias = Dictionary(
      uniqueKeysWithValues: outlierChannels(width).sorted().map {
        ($0, generator.next() & 1 == 0 ? Float(30) : -30)
      })
    for index in 0..<tensor.count {
      tensor[index] += bias[index % width] ?? 0
    }
  }

  private func addRareLarge(_ tensor: Tensor<Float>, _ seed: Seed) {
    var generator = SplitMix64(seed: seed)
    for index in 0..<tensor.count where generator.uniform() < 0.001 {
      tensor[index] += 10 * generator.normal()
    }
  }

  /// Runs a first-order low-pass filter of unit gain in variance along every axis of the grid.
  private func smooth(_ tensor: Tensor<Float>, _ shape: AttentionShape, keep: Float) {
    let width = tensor.extents.last ?? 1
    let length = tensor.extents[tensor.extents.count - 2]
    let grid =
      shape.grid.flatMap { $0.count == length ? $0.values : nil } ?? [length]
    let fresh = (1 - keep * keep).squareRoot()
    each(tensor.count / (length * width)) { matrix in
      let base = tensor.base + matrix * length * width
      var step = length
      for axisLength in grid {
        step /= axisLength
        for token in 0..<length where token / step % axisLength > 0 {
          for channel in 0..<width {
            base[token * width + channel] =
              keep * base[(token - step) * width + channel]
              + fresh * base[token * width + channel]
          }
        }
      }
    }
  }

  /// Mixes in content that queries and keys of one head share, so that near tokens match.
  private func blend(
    _ tensor: Tensor<Float>, with input: GeneratedInput, keep: Float, share: Float, gain: Float,
    _ shape: AttentionShape
  ) {
    let common = Tensor<Float>(
      [tensor.extents[0], shape.keyValueHeads, tensor.extents[2], tensor.extents[3]])
    fillNormal(common, seed.child(input.rawValue).child("common"))
    smooth(common, shape, keep: keep)
    let rest = (1 - share * share).squareRoot()
    let group = tensor.extents[1] / shape.keyValueHeads
    let size = tensor.extents[2] * tensor.extents[3]
    each(tensor.count / max(size, 1)) { matrix in
      let (batch, head) = matrix.quotientAndRemainder(dividingBy: tensor.extents[1])
      let source = common.base + (batch * shape.keyValueHeads + head / group) * size
      let target = tensor.base + matrix * size
      for index in 0..<size {
        target[index] = gain * (share * source[index] + rest * target[index])
      }
    }
  }

  /// Adds one direction to the first `tokens` tokens, or to all.
  private func addSink(_ tensor: Tensor<Float>, tokens: Int?, gain: Float) {
    let (length, width) = (tensor.extents[2], tensor.extents[3])
    for index in 0..<tensor.count where index / width % length < tokens ?? length {
      tensor[index] += index % width % 2 == 0 ? gain : -gain
    }
  }
}

extension SplitMix64 {
  /// The stream of `seed` after `steps` calls of `next()`: its state is a counter.
  fileprivate init(seed: Seed, skipping steps: Int) {
    self.init(seed: Seed(seed.value &+ UInt64(steps) &* 0x9E37_79B9_7F4A_7C15))
  }
}

extension AttentionInputs {
  /// FNV-1a of all bytes, in hexadecimal: two runs with the same checksum saw the same inputs.
  public var checksum: String {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for tensor in tensors {
      for word in UnsafeRawBufferPointer(tensor.elements).bindMemory(to: UInt32.self) {
        hash = (hash ^ UInt64(word)) &* 0x100_0000_01B3
      }
    }
    let digits = String(hash, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }

  var tensors: [Tensor<Float>] {
    switch self {
    case .tokens(let tensor): [tensor]
    case .queryKeyValue(let query, let key, let value): [query, key, value]
    }
  }
}
