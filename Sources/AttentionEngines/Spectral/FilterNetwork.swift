// SPDX-License-Identifier: MIT

import AttentionCore
import COpenBLAS
import RealModule

/// The network that turns a context vector into a filter and a bias per head and frequency.
///
/// `filter = baseFilter * (1 + s)`, `bias = baseBias + b`, with `(s, b)` neighbours in the output
/// of two linear layers with an exact GELU between them.
final class FilterNetwork: @unchecked Sendable {
  private typealias Layer = (weight: Tensor<Float>, bias: Tensor<Float>)

  private let shape: AttentionShape
  private let bins: Int
  private let first: Layer
  private let second: Layer
  private let baseFilter: Tensor<Float>
  private let baseBias: Tensor<Float>
  private let hidden: Workspace
  private let filters: Workspace
  private let biases: Workspace

  init(shape: AttentionShape, weights: WeightSet) {
    self.shape = shape
    first = (weights["contextWeight1"], weights["contextBias1"])
    second = (weights["contextWeight2"], weights["contextBias2"])
    baseFilter = weights["baseFilter"]
    baseBias = weights["baseBias"]
    bins = AdaptiveFilter.bins(shape: shape)
    hidden = Workspace(bytesPerWorker: 4 * shape.channels, workers: shape.batch)
    filters = Workspace(bytesPerWorker: 4 * shape.queryHeads * bins, workers: shape.batch)
    biases = Workspace(bytesPerWorker: 4 * shape.queryHeads * bins, workers: shape.batch)
  }

  var bytes: Int { hidden.bytes + filters.bytes + biases.bytes }
  /// Rows of the first layer.
  var hiddenRows: UnitSplit { UnitSplit(count: shape.channels, size: 128) }
  /// Filters over all heads; each is two rows of the second layer.
  var filterRows: UnitSplit { UnitSplit(count: shape.queryHeads * bins, size: 64) }
  var scratchBytes: Int { 4 * 2 * filterRows.size }

  /// Filter per frequency of one head.
  func filter(batch: Int, head: Int) -> UnsafeMutablePointer<Float> {
    filters[batch].assumingMemoryBound(to: Float.self) + head * bins
  }

  /// Bias per frequency of one head.
  func bias(batch: Int, head: Int) -> UnsafeMutablePointer<Float> {
    biases[batch].assumingMemoryBound(to: Float.self) + head * bins
  }

  /// Computes part of the hidden layer for all batches and returns the bytes of weights it read.
  func activate(unit: Int, context: (_ batch: Int) -> UnsafeMutablePointer<Float>) -> Int {
    let rows = hiddenRows[unit]
    for batch in 0..<shape.batch {
      let target = hidden[batch].assumingMemoryBound(to: Float.self) + rows.lowerBound
      multiply(first, rows: rows, context(batch), into: target)
      for row in 0..<rows.count {
        target[row] = Self.gelu(target[row])
      }
    }
    return 4 * rows.count * (shape.channels + 1)
  }

  /// Computes some filters and biases for all batches and returns the bytes of weights it read.
  func modulate(unit: Int, scratch: UnsafeMutableRawPointer) -> Int {
    let range = filterRows[unit]
    let rows = 2 * range.lowerBound..<2 * range.upperBound
    let changes = scratch.assumingMemoryBound(to: Float.self)
    for batch in 0..<shape.batch {
      let input = hidden[batch].assumingMemoryBound(to: Float.self)
      multiply(second, rows: rows, input, into: changes)
      let filter = filter(batch: batch, head: 0)
      let bias = bias(batch: batch, head: 0)
      for (index, place) in range.enumerated() {
        filter[place] = baseFilter[place] * (1 + changes[2 * index])
        bias[place] = baseBias[place] + changes[2 * index + 1]
      }
    }
    return 4 * (rows.count * (shape.channels + 1) + 2 * range.count)
  }

  private func multiply(
    _ layer: Layer, rows: Range<Int>, _ input: UnsafePointer<Float>,
    into output: UnsafeMutablePointer<Float>
  ) {
    output.update(from: layer.bias.base + rows.lowerBound, count: rows.count)
    let width = Int32(shape.channels)
    cblas_sgemv(
      CblasRowMajor, CblasNoTrans, Int32(rows.count), width, 1,
      layer.weight.base + rows.lowerBound * shape.channels, width, input, 1, 1, output, 1)
  }

  private static func gelu(_ x: Float) -> Float {
    0.5 * x * (1 + Float.erf(x * 0.707_106_78))
  }
}
