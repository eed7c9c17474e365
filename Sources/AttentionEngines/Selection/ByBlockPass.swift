// SPDX-License-Identifier: MIT

import AttentionCore
import CAttentionKernels

/// Attention block by block: the queries that chose a block are gathered for it.
final class ByBlockPass: SelectedPass, @unchecked Sendable {
  private let shape: AttentionShape
  private let setting: SelectionSetting
  private let geometry: SelectionGeometry
  private let routes: BlockRoutes
  private let strips: GatheredStrips
  private let runMemory: StripRunMemory
  /// Log-sum-exp of the output rows `[heads, queryLength]`, by token.
  private let logSumExp: Tensor<Float>
  /// Partial rows `[heads, queryLength * ranks, valueDim]` by place, with their log-sum-exp.
  private let partial: Tensor<Float>
  private let partialLogSumExp: Tensor<Float>
  private static let queriesPerMerge = 256

  init(shape: AttentionShape, setting: SelectionSetting) {
    self.shape = shape
    self.setting = setting
    geometry = setting.geometry
    let context = setting.context
    routes = BlockRoutes(geometry: geometry, lists: setting.lists, shape: shape)
    let heads = shape.batch * shape.queryHeads
    logSumExp = Tensor([heads, shape.queryLength])
    let partialRows = shape.queryLength * routes.ranks
    partial = Tensor([heads, partialRows, shape.valueDim])
    partialLogSumExp = Tensor([heads, partialRows])
    strips = GatheredStrips(shape: shape, setting: setting)
    runMemory = StripRunMemory(
      blocks: 1, keys: geometry.largestBlock, workers: context.pool.count)
  }

  var bytes: Int {
    routes.bytes + strips.bytes + runMemory.bytes + logSumExp.byteCount + partial.byteCount
      + partialLogSumExp.byteCount
  }

  var phases: [WorkerPool.Job] {
    let heads = shape.batch * shape.queryHeads
    return [
      WorkerPool.Job(units: heads) { [self] _, head in
        routes.collect(head: head, lists: setting.lists)
      },
      WorkerPool.Job(units: heads * routes.blockCount, body: attend),
      WorkerPool.Job(units: heads * mergesPerHead, body: merge),
    ]
  }

  private func attend(worker: Int, unit: Int) {
    guard let operands = setting.current.value else { return }
    let (head, block) = unit.quotientAndRemainder(dividingBy: routes.blockCount)
    let at = operands.head(head, shape: shape)
    attend(
      routes.lastRoute(head: head, block: block), block: block, at: at, operands,
      output: at.output, logSumExp: logSumExp.base + head * shape.queryLength, worker: worker)
    let partialRows = shape.queryLength * routes.ranks
    let routed = routes.route(head: head, block: block)
    attend(
      routed, block: block, at: at, operands,
      output: partial.base + head * partialRows * shape.valueDim,
      logSumExp: partialLogSumExp.base + head * partialRows, worker: worker)
    setting.board.add(worker: worker, elementsSorted: 0, rowsGathered: routed.count)
  }

  private func attend(
    _ route: RouteTable.Route, block: Int, at: AttendOperands.Head, _ operands: AttendOperands,
    output: UnsafeMutablePointer<Float>, logSumExp: UnsafeMutablePointer<Float>, worker: Int
  ) {
    let lanes = setting.context.kernels.tile.lanes
    for start in Swift.stride(from: 0, to: route.count, by: lanes) {
      let count = min(lanes, route.count - start)
      let following = min(lanes, route.count - start - count)
      var runs = runMemory.runs(
        worker: worker, lanes: count, keyTile: setting.context.kernels.tile.keys)
      for lane in 0..<count {
        runs.visible[lane] = Int32(geometry.visibleKeys(place: Int(route.places[start + lane])))
      }
      runs.append(geometry.keys(block: block), chosen: TileSchedule.laneMask(count))
      strips.load(route.queries + start, count: count, at, worker: worker)
      let next = start + count
      strips.announce(
        queries: route.queries + next, outputs: route.outputs + next, of: output, count: following,
        at, worker: worker)
      strips.attend(runs, at, operands, worker: worker)
      strips.store(
        to: output, ids: route.outputs + start, count: count, logSumExp: logSumExp, worker: worker)
      setting.board.add(worker: worker, keyRows: runs.keyRows, queryRows: count, shape)
    }
  }

  private func merge(worker: Int, unit: Int) {
    guard let operands = setting.current.value else { return }
    let (head, part) = unit.quotientAndRemainder(dividingBy: mergesPerHead)
    let output = operands.head(head, shape: shape).output
    let first = part * Self.queriesPerMerge
    for row in geometry.rowsCovering(first..<min(first + Self.queriesPerMerge, shape.queryLength)) {
      let count = setting.lists.blocks(head: head, row: row).count
      for place in geometry.queries(row: row)
      where place >= first && place < first + Self.queriesPerMerge {
        merge(head: head, place: place, count: count, output)
      }
    }
  }

  private func merge(
    head: Int, place: Int, count: Int, _ output: UnsafeMutablePointer<Float>
  ) {
    let query = geometry.order.map { Int($0[place]) } ?? place
    let row = output + query * shape.valueDim
    guard count > 0 else { return row.update(repeating: 0, count: shape.valueDim) }
    let lse = logSumExp.base + head * shape.queryLength + query
    let merge = setting.context.kernels.select.merge_row
    for rank in 0..<count - 1 {
      let source = (head * shape.queryLength + place) * routes.ranks + rank
      merge?(
        row, lse, partial.base + source * shape.valueDim, partialLogSumExp[source],
        Int32(shape.valueDim))
    }
  }

  private var mergesPerHead: Int {
    (shape.queryLength + Self.queriesPerMerge - 1) / Self.queriesPerMerge
  }
}
