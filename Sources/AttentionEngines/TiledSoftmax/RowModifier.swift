// SPDX-License-Identifier: MIT

import AttentionCore
import CAttentionKernels

/// What is done to a row of scores before softmax: the scale, a cap, then terms.
final class RowModifier: @unchecked Sendable {
  private static let log2e: Float = 1.442_695_04

  private let cap: SoftCap?
  private let scale: Float
  private let bias: ScoreBias
  private let weight: Tensor<Float>?
  private let shape: AttentionShape

  init(_ bias: ScoreBias, cap: Double?, shape: AttentionShape, weights: WeightSet) {
    self.cap = cap.map { SoftCap($0, scale: shape.softmaxScale) }
    self.bias = bias
    self.shape = shape
    scale = Float(shape.softmaxScale)
    weight =
      switch bias {
      case .relative(let bias): weights[bias.weight]
      case .queryRelative(let vectors): weights[vectors.weight]
      case .none, .linear: nil
      }
  }

  /// Floats of scratch that ``apply`` needs.
  var termCount: Int {
    guard case .queryRelative(let vectors) = bias else { return 0 }
    return vectors.count
  }

  /// Turns the products of `query` with the keys of `row` into scores in log2 units.
  ///
  /// `head` is the query head of one batch element, `features` the query's row.
  func apply(
    _ scores: UnsafeMutablePointer<Float>, count: Int, row: UnsafeBufferPointer<RowSpans.Span>,
    query: Int, head: Int, features: UnsafePointer<Float>, terms: UnsafeMutablePointer<Float>,
    kernels: attn_select_kernels_t
  ) {
    if let cap {
      cap.apply(scores, count: count)
    } else {
      for index in 0..<count { scores[index] *= scale }
    }
    switch bias {
    case .none: break
    case .linear(let slope): addLinear(slope, scores, row)
    case .relative(let bias): addRelative(bias, scores, row, query: query, head: head)
    case .queryRelative(let vectors):
      guard let weight else { break }
      kernels.dot_rows(
        features, weight.base, shape.headDim, Int32(vectors.count), Int32(shape.headDim), terms)
      addProducts(vectors, terms, scores, row, query: query)
    }
    for index in 0..<count { scores[index] *= Self.log2e }
  }

  /// Terms relative to the last key of the row: softmax does not see a constant.
  private func addLinear(
    _ slope: Double, _ scores: UnsafeMutablePointer<Float>,
    _ row: UnsafeBufferPointer<RowSpans.Span>
  ) {
    guard let last = row.last else { return }
    let end = last.first + last.count - 1
    var index = 0
    for span in row {
      for key in span.first..<span.first + span.count {
        scores[index] += Float(slope * Double(key - end))
        index += 1
      }
    }
  }

  private func addRelative(
    _ bias: RelativeBias, _ scores: UnsafeMutablePointer<Float>,
    _ row: UnsafeBufferPointer<RowSpans.Span>, query: Int, head: Int
  ) {
    guard let weight else { return }
    // Caps come with sequences only, whose grids have one axis.
    precondition(bias.grid.rank == 1, "terms of rows are those of one axis")
    let reach = bias.reach[0]
    let table = weight.base + head * (2 * reach + 1) + reach
    let place = query + bias.queryOffset
    var index = 0
    for span in row {
      for key in Int(span.first)..<Int(span.first + span.count) {
        scores[index] += table[min(max(key - place, -reach), reach)]
        index += 1
      }
    }
  }

  /// Adds the products of a query with the vectors of its offsets to `row`.
  private func addProducts(
    _ vectors: RelativeVectors, _ products: UnsafePointer<Float>,
    _ scores: UnsafeMutablePointer<Float>, _ row: UnsafeBufferPointer<RowSpans.Span>, query: Int
  ) {
    let rank = vectors.grid.rank
    var (first, stride) = (0, vectors.grid.count)
    for axis in 0..<rank {
      let length = vectors.grid[axis]
      let reach = vectors.reach[axis]
      stride /= length
      let place = query / stride % length
      let table = products + first + reach
      var index = 0
      for span in row {
        for key in Int(span.first)..<Int(span.first + span.count) {
          scores[index] += table[min(max(key / stride % length - place, -reach), reach)]
          index += 1
        }
      }
      first += 2 * reach + 1
    }
  }
}
