// SPDX-License-Identifier: MIT

import AttentionCore
import CAttentionKernels

/// Attention strip by strip: consecutive queries visit the union of their blocks under lane masks.
final class ByQueryPass: SelectedPass, @unchecked Sendable {
  private let stage: AttendSelected
  private let shape: AttentionShape
  private let context: ExecutionContext
  private let blockCount: Int
  private let scratch: Workspace
  private let runSpace: Workspace
  private let maskSpace: Workspace

  init(_ stage: AttendSelected, shape: AttentionShape, context: ExecutionContext) {
    self.stage = stage
    self.shape = shape
    self.context = context
    blockCount = stage.blockCount(shape: shape)
    let workers = context.pool.count
    let bytes = context.kernels.tiled.strip_bytes(Int32(shape.headDim), Int32(shape.valueDim))
    scratch = Workspace(bytesPerWorker: bytes, workers: workers)
    runSpace = Workspace(
      bytesPerWorker: blockCount * MemoryLayout<attn_run_t>.stride, workers: workers)
    maskSpace = Workspace(bytesPerWorker: 4 * shape.keyLength, workers: workers)
  }

  var bytes: Int { scratch.bytes + runSpace.bytes + maskSpace.bytes }
  var attendUnits: Int { shape.batch * shape.queryHeads * stripsPerHead }
  var mergeUnits: Int { 0 }

  func merge(unit: Int, operands: AttendOperands) {}

  func attend(
    unit: Int, worker: Int, operands: AttendOperands, chooser: BlockChooser, board: CountBoard
  ) {
    let (head, strip) = unit.quotientAndRemainder(dividingBy: stripsPerHead)
    let lanes = context.kernels.tile.lanes
    let queries = strip * lanes..<min((strip + 1) * lanes, shape.queryLength)
    let runs = runSpace[worker].assumingMemoryBound(to: attn_run_t.self)
    let masks = maskSpace[worker].assumingMemoryBound(to: UInt32.self)
    let runCount = appendRuns(head: head, queries: queries, chooser: chooser, runs, masks)
    let at = operands.head(head, shape: shape)
    let kernels = context.kernels.tiled
    let memory = scratch[worker]
    let (headDim, valueDim) = (shape.headDim, shape.valueDim)
    withConsecutive(queries) { ids in
      kernels.load(
        memory, at.query, headDim, ids, Int32(queries.count), Int32(headDim), Int32(valueDim),
        shape.kernelScale)
      kernels.attend(
        memory, at.key, headDim, at.value, valueDim, nil, runs, Int32(runCount), masks,
        board[worker])
      kernels.store(memory, at.output, valueDim, ids, Int32(queries.count), nil)
    }
    var keyRows = 0
    for run in 0..<runCount { keyRows += Int(runs[run].count) }
    board.add(worker: worker, keyRows: keyRows, queryRows: queries.count, shape)
  }

  /// Writes the runs of one strip, whole blocks for everyone without a mask, and returns how many.
  private func appendRuns(
    head: Int, queries: Range<Int>, chooser: BlockChooser,
    _ runs: UnsafeMutablePointer<attn_run_t>, _ masks: UnsafeMutablePointer<UInt32>
  ) -> Int {
    var runCount = 0
    var maskCount = 0
    let all = TileSchedule.laneMask(queries.count)
    for block in 0...(queries.upperBound - 1) / stage.blockSize {
      let first = block * stage.blockSize
      let (past, own) = lanes(choosing: block, head: head, queries: queries, chooser: chooser)
      guard past | own != 0 else { continue }
      let blockEnd = first + stage.blockSize
      let end = own == 0 ? blockEnd : min(blockEnd, queries.upperBound)
      var run = attn_run_t(
        first_key: Int32(first), count: Int32(end - first), step: 1, mask: -1)
      if past != all {
        run.mask = Int32(maskCount)
        for key in first..<end {
          // Lane i is query lowerBound + i: lanes below key - lowerBound come before the key.
          let before = min(max(key - queries.lowerBound, 0), 32)
          masks[maskCount] = past | (own & (before == 32 ? 0 : UInt32.max << UInt32(before)))
          maskCount += 1
        }
      }
      runs[runCount] = run
      runCount += 1
    }
    return runCount
  }

  /// Lanes that chose `block` as a past block, and lanes whose own block it is.
  private func lanes(
    choosing block: Int, head: Int, queries: Range<Int>, chooser: BlockChooser
  ) -> (past: UInt32, own: UInt32) {
    var past: UInt32 = 0
    var own: UInt32 = 0
    for query in queries {
      let bit = UInt32(1) << UInt32(query - queries.lowerBound)
      guard query / stage.blockSize != block else {
        own |= bit
        continue
      }
      let blocks = chooser.blocks(head: head, query: query)
      for rank in 0..<min(stage.topK - 1, query / stage.blockSize)
      where Int(blocks[rank]) == block {
        past |= bit
      }
    }
    return (past, own)
  }

  private func withConsecutive(_ queries: Range<Int>, _ body: (UnsafePointer<Int32>) -> Void) {
    withUnsafeTemporaryAllocation(of: Int32.self, capacity: queries.count) { ids in
      for (index, query) in queries.enumerated() { ids[index] = Int32(query) }
      if let base = ids.baseAddress { body(UnsafePointer(base)) }
    }
  }

  private var stripsPerHead: Int {
    (shape.queryLength + context.kernels.tile.lanes - 1) / context.kernels.tile.lanes
  }
}
