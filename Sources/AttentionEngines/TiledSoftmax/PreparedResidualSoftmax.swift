// SPDX-License-Identifier: MIT

import AttentionCore

/// Masked attention plus what dense attention yielded beyond it at an earlier call.
///
/// The residual lives in a tensor that the caller keeps: a refreshing engine writes it, a reusing
/// one reads it.
final class PreparedResidualSoftmax: PreparedAttention, @unchecked Sendable {
  private let masked: PreparedTiledSoftmax
  /// Present where the residual is refreshed.
  private let dense: PreparedTiledSoftmax?
  private let cache: Tensor<Float>
  private let pool: WorkerPool
  private var output: Tensor<Float>?
  private var body: WorkerPool.UnitBody?

  init(
    _ stage: Attend, _ residual: Attend.Residual, shape: AttentionShape, weights: WeightSet,
    context: ExecutionContext
  ) {
    masked = PreparedTiledSoftmax(stage, shape: shape, weights: weights, context: context)
    pool = context.pool
    switch residual {
    case .reused(let weight):
      dense = nil
      cache = weights[weight]
    case .refreshed(let weight):
      dense = PreparedTiledSoftmax(Attend(), shape: shape, weights: weights, context: context)
      cache = weights[weight]
    }
    body = { [unowned self] _, unit in join(unit: unit) }
  }

  var workspaceBytes: Int {
    masked.workspaceBytes + (dense?.workspaceBytes ?? 0) + cache.byteCount
  }
  var tiles: TileCounts? { masked.tiles }

  var expectedCounts: EngineCounts? {
    guard var sum = masked.expectedCounts else { return nil }
    if let more = dense?.expectedCounts { sum += more }
    return sum
  }

  var counts: EngineCounts {
    var sum = masked.counts
    if let dense { sum += dense.counts }
    return sum
  }

  func run(_ inputs: AttentionInputs, into output: Tensor<Float>) {
    guard let body else { return }
    self.output = output
    dense?.run(inputs, into: output)
    masked.run(inputs, into: dense == nil ? output : cache)
    pool.run(units: (output.count + Self.unit - 1) / Self.unit, body)
  }

  /// Elements that one worker takes at a time: a few rows, within the first-level cache.
  private static let unit = 4096

  private func join(unit: Int) {
    guard let output else { return }
    let elements = unit * Self.unit..<min((unit + 1) * Self.unit, output.count)
    let (result, rest) = (output.base, cache.base)
    if dense == nil {
      for index in elements { result[index] += rest[index] }
    } else {
      for index in elements { rest[index] = result[index] - rest[index] }
    }
  }
}
