// SPDX-License-Identifier: MIT

import AttentionCore
import CAttentionKernels

/// What every chooser works with: where queries and keys lie, and where its choice goes.
class Chooser: @unchecked Sendable {
  let shape: AttentionShape
  let geometry: SelectionGeometry
  let lists: SelectionLists
  let kernels: attn_select_kernels_t
  let source: KeyValueSource
  let current: CurrentOperands
  let board: CountBoard

  init(shape: AttentionShape, setting: SelectionSetting) {
    self.shape = shape
    geometry = setting.geometry
    lists = setting.lists
    kernels = setting.context.kernels.select
    source = setting.source
    current = setting.current
    board = setting.board
  }

  /// Softmax weights of `count` scores but for their sum: multiply by the factor that is returned.
  func soften(_ scores: UnsafeMutablePointer<Float>, count: Int) -> Float {
    guard count > 0 else { return 0 }
    return 1 / kernels.soften(scores, Int32(count), Float(shape.softmaxScale))
  }

  /// Products of `count` rows `stride` floats apart with the first `keys` rows at `rows`, one row
  /// of scores after the other.
  func multiply(
    _ queries: UnsafePointer<Float>, count: Int, stride: Int, _ rows: UnsafePointer<Float>,
    keys: Int, into scores: UnsafeMutablePointer<Float>, scoreStride: Int
  ) {
    guard count > 0, keys > 0 else { return }
    kernels.dot_block(
      queries, stride, Int32(count), rows, shape.headDim, Int32(keys), Int32(shape.headDim),
      scores, scoreStride)
  }
}

/// Rows of scores that are computed together.
enum ScoreBatch {
  /// As many as fill the lanes of a vector.
  static let rows = 16

  /// Floats from one row of `count` scores to the next: no power of two, so that a column of scores
  /// does not fall into one set of a cache.
  static func stride(_ count: Int) -> Int { (count + 31) & ~15 }
}

/// What a chooser shares with the rest of the engine.
struct SelectionSetting {
  let geometry: SelectionGeometry
  let lists: SelectionLists
  let source: KeyValueSource
  let current: CurrentOperands
  let board: CountBoard
  let weights: WeightSet
  let context: ExecutionContext
  /// Mean keys beside the keys, where there are any.
  var pyramid: KeyPyramid?
  /// Orders that are chosen in every run, where heads have their own.
  var orders: HeadOrders?
  /// Leaves out blocks that weigh nothing beside those before them, where blocks may be.
  var filter: ScoreFilter?
}
