// SPDX-License-Identifier: MIT

import AttentionCore
import CAttentionKernels

/// Attention block by block where scores of the choice tell what past blocks weigh, by a kernel
/// whose lanes are keys and channels: any number of queries fills them.
///
/// Queries attend to their own blocks first, which writes their output rows and makes weights of
/// the scores of past blocks. Those are then added, block after block.
final class WeighedBlockPass: SelectedPass, @unchecked Sendable {
  private let shape: AttentionShape
  private let setting: SelectionSetting
  private let geometry: SelectionGeometry
  /// First query place of every chunk, and the number of queries.
  private let starts: [Int]
  private let router: ChunkRouter
  /// Per worker: what the kernel needs, then rows, visible keys and past blocks of one block's
  /// queries.
  private let scratch: Workspace
  private let kernelFloats: Int
  private let largestBlock: Int

  /// Whether there is a kernel for blocks of this size and rows of this width.
  static func takes(_ shape: AttentionShape, _ setting: SelectionSetting) -> Bool {
    setting.context.kernels.select.attend_block != nil && shape.headDim % 16 == 0
      && shape.valueDim % 32 == 0 && max(shape.headDim, shape.valueDim) <= Int(ATTN_FEW_WIDTH)
      && setting.geometry.largestBlock <= Int(ATTN_BLOCK_KEYS)
      && setting.lists.capacity - 1 <= Int(ATTN_BLOCK_PAST)
  }

  init(_ stage: AttendSelected, shape: AttentionShape, setting: SelectionSetting) {
    self.shape = shape
    self.setting = setting
    geometry = setting.geometry
    starts = stage.chunkStarts(geometry, heads: 1)
    router = ChunkRouter(stage, shape: shape, setting: setting, heads: 1)
    largestBlock = geometry.largestBlock
    kernelFloats = shape.headDim * ((largestBlock + 15) / 16 * 16)
    scratch = Workspace(
      bytesPerWorker: 4 * (kernelFloats + 3 * largestBlock),
      workers: setting.context.pool.count)
  }

  var bytes: Int { router.bytes + scratch.bytes }

  var phases: [WorkerPool.Job] {
    let heads = shape.batch * shape.queryHeads
    return [WorkerPool.Job(units: heads * (starts.count - 1), body: attend)]
  }

  private struct Memory {
    let kernel: UnsafeMutablePointer<Float>
    let rows: UnsafeMutablePointer<Int32>
    let visible: UnsafeMutablePointer<Int32>
    let past: UnsafeMutablePointer<Int32>
  }

  private func memory(_ worker: Int) -> Memory {
    let kernel = scratch[worker].assumingMemoryBound(to: Float.self)
    let rows = UnsafeMutableRawPointer(kernel + kernelFloats).assumingMemoryBound(to: Int32.self)
    return Memory(
      kernel: kernel, rows: rows, visible: rows + largestBlock, past: rows + 2 * largestBlock)
  }

  private func attend(worker: Int, unit: Int) {
    guard let operands = setting.current.value else { return }
    let (head, index) = unit.quotientAndRemainder(dividingBy: starts.count - 1)
    // The last chunks of a causal problem see the most; they come first.
    let chunk = starts.count - 2 - index
    let places = starts[chunk]..<starts[chunk + 1]
    let at = operands.head(head, shape: shape)
    attendOwn(places, head: head, at, operands, worker: worker)
    countOwn(places, head: head, worker: worker)
    let routes = router.collect(places, head: head, without: 1, worker: worker)
    attendPast(routes, at, operands, worker: worker)
    setting.board.add(
      worker: worker, elementsSorted: 0, rowsGathered: Int(routes.begins[geometry.blockCount]))
  }

  /// Attends queries to their own blocks, block by block.
  private func attendOwn(
    _ places: Range<Int>, head: Int, _ at: AttendOperands.Head, _ operands: AttendOperands,
    worker: Int
  ) {
    let memory = memory(worker)
    let lists = setting.lists
    var first = places.lowerBound
    while first < places.upperBound {
      let block = ownBlock(head: head, place: first)
      let keys = geometry.keys(block: block)
      var end = first
      while end < places.upperBound, end - first < largestBlock {
        let chosen = lists.blocks(head: head, row: end)
        guard Int(chosen[chosen.count - 1]) == block else { break }
        let index = end - first
        memory.rows[index] = Int32(end)
        memory.visible[index] = Int32(
          min(geometry.visibleKeys(place: end), keys.upperBound) - keys.lowerBound)
        memory.past[index] = Int32(chosen.count - 1)
        end += 1
      }
      var rows = describe(
        keys, next: end < places.upperBound ? block + 1 : nil, at, operands, memory)
      rows.rows = UnsafePointer(memory.rows)
      rows.visible = UnsafePointer(memory.visible)
      rows.past = lists.scores(head: head, row: first)
      rows.past_stride = lists.capacity
      rows.past_counts = UnsafePointer(memory.past)
      rows.count = Int32(end - first)
      setting.context.kernels.select.attend_block(&rows)
      first = end
    }
  }

  /// Adds what past blocks give to the rows that chose them.
  private func attendPast(
    _ routes: ChunkRoutes, _ at: AttendOperands.Head, _ operands: AttendOperands, worker: Int
  ) {
    guard let weights = routes.weights else { return }
    let memory = memory(worker)
    let all = routes.begins[geometry.blockCount]
    var next = blockWithRows(routes, from: 0)
    while let block = next {
      next = blockWithRows(routes, from: block + 1)
      let begin = routes.begins[block]
      let end = routes.begins[block + 1]
      let keys = geometry.keys(block: block)
      var rows = describe(keys, next: next, at, operands, memory)
      rows.rows = UnsafePointer(routes.rows + Int(begin))
      rows.weights = UnsafePointer(weights + Int(begin))
      rows.count = end - begin
      rows.next_count = all - end
      setting.context.kernels.select.attend_block(&rows)
      countPast(Int(end - begin), keys: keys.count, worker: worker)
    }
  }

  private func blockWithRows(_ routes: ChunkRoutes, from first: Int) -> Int? {
    (first..<geometry.blockCount).first { routes.begins[$0] < routes.begins[$0 + 1] }
  }

  /// The keys of a block, and those of the `next` one, without any rows.
  private func describe(
    _ keys: Range<Int>, next: Int?, _ at: AttendOperands.Head, _ operands: AttendOperands,
    _ memory: Memory
  ) -> attn_block_t {
    let firstKey = setting.source.keys(at.keyValueIndex, operands)
    let firstValue = setting.source.values(at.keyValueIndex, operands)
    var block = attn_block_t()
    block.queries = at.query
    block.outputs = at.output
    block.keys = firstKey + keys.lowerBound * shape.headDim
    block.values = firstValue + keys.lowerBound * shape.valueDim
    block.query_stride = shape.headDim
    block.key_stride = shape.headDim
    block.value_stride = shape.valueDim
    block.output_stride = shape.valueDim
    block.key_count = Int32(keys.count)
    block.head_dim = Int32(shape.headDim)
    block.value_dim = Int32(shape.valueDim)
    block.scale = shape.kernelScale
    block.memory = memory.kernel
    if let next {
      let first = geometry.keys(block: next).lowerBound
      block.next_keys = firstKey + first * shape.headDim
      block.next_values = firstValue + first * shape.valueDim
    }
    return block
  }

  private func ownBlock(head: Int, place: Int) -> Int {
    let blocks = setting.lists.blocks(head: head, row: place)
    return Int(blocks[blocks.count - 1])
  }
}

extension WeighedBlockPass {
  /// Counts as the tiled kernels do: in strips of consecutive queries.
  private func countOwn(_ places: Range<Int>, head: Int, worker: Int) {
    let tile = setting.context.kernels.tile
    for first in stride(from: places.lowerBound, to: places.upperBound, by: tile.lanes) {
      let strip = first..<min(first + tile.lanes, places.upperBound)
      var keyRows = 0
      var place = strip.lowerBound
      while place < strip.upperBound {
        let block = ownBlock(head: head, place: place)
        let keys = geometry.keys(block: block)
        let begin = place
        while place < strip.upperBound, ownBlock(head: head, place: place) == block { place += 1 }
        let seen = geometry.seenKeys(place: place - 1, block: block)
        let isWhole = begin == strip.lowerBound && place == strip.upperBound
        let seenByAll = isWhole ? geometry.seenKeys(place: begin, block: block) : 0
        let full =
          seenByAll >= seen ? (seen + tile.keys - 1) / tile.keys : seenByAll / tile.keys
        count(keys: min(seen, keys.count), queries: strip.count, full: full, worker: worker)
        keyRows += seen
      }
      setting.board.add(worker: worker, keyRows: keyRows, queryRows: strip.count, shape)
    }
  }

  private func countPast(_ queries: Int, keys: Int, worker: Int) {
    let tile = setting.context.kernels.tile
    for first in stride(from: 0, to: queries, by: tile.lanes) {
      let rows = min(tile.lanes, queries - first)
      count(keys: keys, queries: rows, full: (keys + tile.keys - 1) / tile.keys, worker: worker)
      setting.board.add(worker: worker, keyRows: keys, queryRows: rows, shape)
    }
  }

  private func count(keys: Int, queries: Int, full: Int, worker: Int) {
    let tileKeys = setting.context.kernels.tile.keys
    let counts = setting.board[worker]
    counts.pointee.tiles_full += UInt64(full)
    counts.pointee.tiles_partial += UInt64((keys + tileKeys - 1) / tileKeys - full)
    counts.pointee.pairs += UInt64(keys * queries)
    counts.pointee.exponentials += UInt64(keys * queries)
  }
}
