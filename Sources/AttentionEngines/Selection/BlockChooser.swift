// SPDX-License-Identifier: MIT

import AttentionCore
import CAttentionKernels

/// Pools keys per block and chooses, for every query, its own block and the best past blocks.
final class BlockChooser: @unchecked Sendable {
  /// Chosen blocks `[batch * queryHeads, queryLength, topK]`, ascending, -1 where fewer exist.
  let ids: UnsafeMutablePointer<Int32>
  let idCount: Int

  private let stage: AttendSelected
  private let shape: AttentionShape
  private let kernels: attn_select_kernels_t
  private let blockCount: Int
  /// Mean keys `[batch * keyValueHeads, blockCount, headDim]`.
  private let pooled: UnsafeMutablePointer<Float>
  private let pooledCount: Int
  private let scratch: Workspace
  private static let queriesPerUnit = 256

  init(_ stage: AttendSelected, shape: AttentionShape, context: ExecutionContext) {
    self.stage = stage
    self.shape = shape
    kernels = context.kernels.select
    blockCount = stage.blockCount(shape: shape)
    idCount = shape.batch * shape.queryHeads * shape.queryLength * stage.topK
    ids = .allocate(capacity: idCount)
    ids.initialize(repeating: -1, count: idCount)
    pooledCount = shape.batch * shape.keyValueHeads * blockCount * shape.headDim
    pooled = .allocate(capacity: pooledCount)
    pooled.initialize(repeating: .nan, count: pooledCount)
    scratch = Workspace(bytesPerWorker: 4 * blockCount, workers: context.pool.count)
  }

  deinit {
    ids.deallocate()
    pooled.deallocate()
  }

  var bytes: Int { 4 * (idCount + pooledCount) + scratch.bytes }
  var poolUnits: Int { shape.batch * shape.keyValueHeads * blockCount }
  var chooseUnits: Int { shape.batch * shape.queryHeads * unitsPerHead }

  /// The blocks of one query: `topK` places.
  func blocks(head: Int, query: Int) -> UnsafePointer<Int32> {
    UnsafePointer(ids + (head * shape.queryLength + query) * stage.topK)
  }

  func pool(unit: Int, key: Tensor<Float>) {
    let (head, block) = unit.quotientAndRemainder(dividingBy: blockCount)
    let first = block * stage.blockSize
    let count = min(stage.blockSize, shape.keyLength - first)
    kernels.pool_mean(
      key.base + (head * shape.keyLength + first) * shape.headDim, shape.headDim, Int32(count),
      Int32(shape.headDim), pooled + unit * shape.headDim)
  }

  /// Chooses for one unit of queries and returns how many scores were compared.
  func choose(unit: Int, worker: Int, query: Tensor<Float>) -> Int {
    let (head, part) = unit.quotientAndRemainder(dividingBy: unitsPerHead)
    let first = part * Self.queriesPerUnit
    let scores = scratch[worker].assumingMemoryBound(to: Float.self)
    let (batch, queryHead) = head.quotientAndRemainder(dividingBy: shape.queryHeads)
    let keyHead = batch * shape.keyValueHeads + queryHead / shape.headGroup
    var compared = 0
    for row in first..<min(first + Self.queriesPerUnit, shape.queryLength) {
      let own = row / stage.blockSize
      kernels.dot_rows(
        query.base + (head * shape.queryLength + row) * shape.headDim,
        pooled + keyHead * blockCount * shape.headDim, shape.headDim, Int32(own),
        Int32(shape.headDim), scores)
      keepBest(scores, own: own, ids + (head * shape.queryLength + row) * stage.topK)
      compared += own
    }
    return compared
  }

  private var unitsPerHead: Int {
    (shape.queryLength + Self.queriesPerUnit - 1) / Self.queriesPerUnit
  }

  /// Writes the `topK - 1` best of `own` past blocks and the own block to `place`, ascending.
  ///
  /// Insertion in index order with a strict comparison keeps the lower index of equal scores.
  private func keepBest(
    _ scores: UnsafeMutablePointer<Float>, own: Int, _ place: UnsafeMutablePointer<Int32>
  ) {
    let wanted = min(stage.topK - 1, own)
    place.update(repeating: -1, count: stage.topK)
    var kept = 0
    for block in 0..<own {
      if kept == wanted {
        guard kept > 0, scores[block] > scores[Int(place[kept - 1])] else { continue }
        kept -= 1
      }
      var position = kept
      while position > 0, scores[Int(place[position - 1])] < scores[block] {
        place[position] = place[position - 1]
        position -= 1
      }
      place[position] = Int32(block)
      kept += 1
    }
    sort(place, count: kept)
    place[kept] = Int32(own)
  }

  private func sort(_ place: UnsafeMutablePointer<Int32>, count: Int) {
    guard count > 1 else { return }
    for index in 1..<count {
      let value = place[index]
      var position = index
      while position > 0, place[position - 1] > value {
        place[position] = place[position - 1]
        position -= 1
      }
      place[position] = value
    }
  }
}
