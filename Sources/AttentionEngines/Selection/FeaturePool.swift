// SPDX-License-Identifier: MIT

import AttentionCore
import CAttentionKernels
import RealModule

/// Pooled features of row units or blocks: statistics side by side, projected where asked.
final class FeaturePool: @unchecked Sendable {
  let width: Int
  let units: Int
  let heads: Int
  private let feature: PooledFeature
  private let headDim: Int
  /// First row of every unit.
  private let starts: [Int]
  /// Row at every place, or nil where places are rows.
  private let order: [Int32]?
  private let kernels: attn_select_kernels_t
  /// Features `[heads, units, width]`.
  private let values: Tensor<Float>
  private let projection: Tensor<Float>?
  /// Cosines then sines `[units, width / 2]` of a rotary embedding.
  private let rotary: [Float]
  /// Per worker: statistics, an unused extremum, gathered rows.
  private let scratch: Workspace
  private let gathered: Int
  /// Whether features are projections of single rows that lie side by side.
  private let projectsRows: Bool

  /// Features of `heads` heads over the whole batch; `position` is that of the first row, for rotary
  /// embeddings.
  init(
    _ feature: PooledFeature, starts: [Int], order: [Int32]?, heads: Int, headDim: Int,
    position: Int = 0, weights: WeightSet, context: ExecutionContext
  ) {
    self.feature = feature
    self.starts = starts
    self.order = order
    self.heads = heads
    self.headDim = headDim
    kernels = context.kernels.select
    width = feature.width(headDim: headDim)
    units = starts.count - 1
    values = Tensor([heads, units, width])
    projection = feature.projection.map { weights[$0.weight] }
    rotary = feature.projection.flatMap { Self.rotary($0, starts: starts, from: position) } ?? []
    let largest = (0..<starts.count - 1).reduce(0) { max($0, starts[$1 + 1] - starts[$1]) }
    gathered = order == nil ? 0 : largest
    projectsRows =
      order == nil && largest == 1 && feature.statistics == [.mean] && feature.projection != nil
    scratch = Workspace(
      bytesPerWorker: 4 * headDim * (feature.statistics.count + 1 + gathered),
      workers: context.pool.count)
  }

  var bytes: Int { values.byteCount + scratch.bytes + 4 * rotary.count }

  func feature(head: Int, unit: Int) -> UnsafeMutablePointer<Float> {
    values.base + (head * units + unit) * width
  }

  /// Pools units of one head, whose rows lie at `rows`.
  func pool(head: Int, units: Range<Int>, worker: Int, rows: UnsafePointer<Float>) {
    guard projectsRows, let projection else {
      for unit in units { pool(head: head, unit: unit, worker: worker, rows: rows) }
      return
    }
    let matrix = projection.base + head % projection.extents[0] * width * headDim
    kernels.dot_block(
      rows + starts[units.lowerBound] * headDim, headDim, Int32(units.count), matrix, headDim,
      Int32(width), Int32(headDim), feature(head: head, unit: units.lowerBound), width)
    guard feature.projection?.rotaryBase != nil else { return }
    for unit in units { rotate(feature(head: head, unit: unit), unit: unit) }
  }

  private func pool(head: Int, unit: Int, worker: Int, rows: UnsafePointer<Float>) {
    let memory = scratch[worker].assumingMemoryBound(to: Float.self)
    let count = starts[unit + 1] - starts[unit]
    let source = self.rows(of: unit, rows, memory: memory)
    guard let projection, let form = feature.projection else {
      return gather(source, count: count, into: feature(head: head, unit: unit), memory)
    }
    gather(source, count: count, into: memory, memory)
    let inputs = feature.statistics.count * headDim
    let matrix = projection.base + head % projection.extents[0] * width * inputs
    let result = feature(head: head, unit: unit)
    kernels.dot_rows(memory, matrix, inputs, Int32(width), Int32(inputs), result)
    if form.rotaryBase != nil { rotate(result, unit: unit) }
  }

  private func rows(
    of unit: Int, _ rows: UnsafePointer<Float>, memory: UnsafeMutablePointer<Float>
  ) -> UnsafePointer<Float> {
    guard let order else { return rows + starts[unit] * headDim }
    let copy = memory + headDim * (feature.statistics.count + 1)
    for index in 0..<starts[unit + 1] - starts[unit] {
      let row = Int(order[starts[unit] + index])
      (copy + index * headDim).update(from: rows + row * headDim, count: headDim)
    }
    return UnsafePointer(copy)
  }

  private func gather(
    _ rows: UnsafePointer<Float>, count: Int, into result: UnsafeMutablePointer<Float>,
    _ memory: UnsafeMutablePointer<Float>
  ) {
    let unused = memory + headDim * feature.statistics.count
    let (stride, count32, width32) = (headDim, Int32(count), Int32(headDim))
    for (index, statistic) in feature.statistics.enumerated() {
      let place = result + index * headDim
      switch statistic {
      case .mean: kernels.pool_mean(rows, stride, count32, width32, place)
      case .maximum: kernels.pool_extrema(rows, stride, count32, width32, place, unused)
      case .minimum: kernels.pool_extrema(rows, stride, count32, width32, unused, place)
      case .last, .attention: place.update(from: rows + (count - 1) * headDim, count: headDim)
      }
    }
  }

  /// Rotates pairs `(c, c + width / 2)` by the unit's index.
  private func rotate(_ row: UnsafeMutablePointer<Float>, unit: Int) {
    let half = width / 2
    rotary.withUnsafeBufferPointer { rotary in
      for channel in 0..<half {
        let cosine = rotary[unit * half + channel]
        let sine = rotary[(units + unit) * half + channel]
        let (first, second) = (row[channel], row[channel + half])
        row[channel] = first * cosine - second * sine
        row[channel + half] = second * cosine + first * sine
      }
    }
  }

  private static func rotary(
    _ projection: FeatureProjection, starts: [Int], from position: Int
  ) -> [Float]? {
    guard let base = projection.rotaryBase else { return nil }
    let half = projection.width / 2
    let angles = starts.dropLast().flatMap { start in
      (0..<half).map { channel in
        Double((position + start) / projection.rotaryStep)
          * Double.pow(base, -Double(channel) / Double(half))
      }
    }
    return angles.map { Float(Double.cos($0)) } + angles.map { Float(Double.sin($0)) }
  }
}
