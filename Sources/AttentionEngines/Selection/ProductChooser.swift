// SPDX-License-Identifier: MIT

import AttentionCore
import CAttentionKernels

/// Chooses blocks by products of pooled features.
final class ProductChooser: BlockChooser, @unchecked Sendable {
  private let stage: AttendSelected
  private let product: FeatureProduct
  private let shape: AttentionShape
  private let geometry: SelectionGeometry
  private let lists: SelectionLists
  private let kernels: attn_select_kernels_t
  private let source: KeyValueSource
  private let current: CurrentOperands
  private let board: CountBoard
  private let keyPool: any KeyFeatures
  private let queryPool: FeaturePool?
  private let similarity: BlockSimilarity?
  private let cutter: RowCutter
  private let wide: WideCut?
  /// Per worker: scores of one row unit, and those of one head to be added.
  private let scratch: Workspace
  private let rowsPerUnit: Int
  private let rowPlaces: [RowPlaces]
  /// Row units that choose; those after them keep everything.
  private let freeRows: Int
  private let skipsForced: Bool

  init(
    _ stage: AttendSelected, product: FeatureProduct, shape: AttentionShape,
    setting: SelectionSetting
  ) {
    self.stage = stage
    self.product = product
    self.shape = shape
    let context = setting.context
    geometry = setting.geometry
    lists = setting.lists
    source = setting.source
    current = setting.current
    board = setting.board
    kernels = context.kernels.select
    keyPool =
      product.key.statistics == [.attention]
      ? AttentionFeatures(shape: shape, setting: setting)
      : FeaturePool(
        product.key, starts: geometry.blockStarts, order: nil,
        heads: shape.batch * shape.keyValueHeads, headDim: shape.headDim, weights: setting.weights,
        context: context)
    queryPool =
      stage.poolsQueries(product)
      ? FeaturePool(
        product.query, starts: geometry.rowStarts, order: geometry.order,
        heads: shape.batch * shape.queryHeads, headDim: shape.headDim,
        position: shape.isCausal
          ? shape.visibleKeys(query: shape.queryLength - 1)
            - shape.queryLength : 0, weights: setting.weights, context: context) : nil
    similarity = product.leastSimilarity.map {
      BlockSimilarity(
        least: Float($0), shape: shape, geometry: setting.geometry, context: context)
    }
    cutter = RowCutter(stage, geometry: geometry, workers: context.pool.count)
    wide =
      stage.rule.scope == .row
      ? nil : WideCut(stage, shape: shape, geometry: geometry, lists: lists, context: context)
    scratch = Workspace(
      bytesPerWorker: 8 * geometry.blockCount, workers: context.pool.count)
    rowPlaces = RowPlaces.all(stage, setting.geometry)
    // The range and the sum of all scores are those of forced blocks too.
    switch (stage.rule.measure, product.form) {
    case (_, .minMax), (.mass, _), (.massWithin, _): skipsForced = false
    case (.top, _), (.above, _): skipsForced = stage.rule.forcedTakePlaces
    }
    freeRows = setting.geometry.rowCount - stage.forced.lastRows
    rowsPerUnit = max(256 / max(geometry.rowStarts[1], 1), 1)
  }

  var bytes: Int {
    keyPool.bytes + (queryPool?.bytes ?? 0) + (similarity?.bytes ?? 0) + cutter.bytes
      + (wide?.bytes ?? 0) + scratch.bytes
  }

  var phases: [SelectionPhase] {
    var phases = [SelectionPhase(units: keyPool.heads * keyPool.units, body: poolKeys)]
    if let queryPool {
      phases.append(SelectionPhase(units: queryPool.heads * queryPool.units, body: poolQueries))
    }
    if let similarity { phases += similarity.phases(source, current) }
    guard let wide else {
      return phases + [SelectionPhase(units: lists.lists * unitsPerList, body: choose)]
    }
    phases.append(SelectionPhase(units: lists.lists * unitsPerList, body: scoreWide))
    return phases + wide.phases
  }

  private var unitsPerList: Int { (geometry.rowCount + rowsPerUnit - 1) / rowsPerUnit }

  private func poolKeys(worker: Int, unit: Int) {
    guard let operands = current.value else { return }
    let (head, block) = unit.quotientAndRemainder(dividingBy: keyPool.units)
    keyPool.pool(head: head, unit: block, worker: worker, source, operands)
  }

  private func poolQueries(worker: Int, unit: Int) {
    guard let operands = current.value, let queryPool else { return }
    let (head, row) = unit.quotientAndRemainder(dividingBy: queryPool.units)
    queryPool.pool(
      head: head, unit: row, worker: worker, rows: operands.head(head, shape: shape).query)
  }

  private func rows(of unit: Int) -> (list: Int, rows: Range<Int>) {
    let (list, part) = unit.quotientAndRemainder(dividingBy: unitsPerList)
    return (list, part * rowsPerUnit..<min((part + 1) * rowsPerUnit, geometry.rowCount))
  }

  private func choose(worker: Int, unit: Int) {
    guard let operands = current.value else { return }
    let (list, rows) = rows(of: unit)
    let scores = scratch[worker].assumingMemoryBound(to: Float.self)
    var compared = 0
    for row in rows {
      let candidates = RowCandidates(
        rowPlaces[row], forcedCompete: !stage.rule.forcedTakePlaces, keepsAll: row >= freeRows,
        skipsForced: skipsForced)
      if candidates.count > 0 {
        score(list: list, row: row, count: candidates.scored, scores, operands)
        prepare(list: list, count: candidates.scored, scores)
        if keepsAll(list: list, row: row) {
          lists.setCount(candidates.all(lists.place(list: list, row: row)), list: list, row: row)
          compared += candidates.count
          continue
        }
      }
      let count = cutter.choose(
        candidates, scores, similarity?.keyFlags(list: list, lists: lists, shape: shape),
        worker: worker, into: lists.place(list: list, row: row))
      lists.setCount(count, list: list, row: row)
      compared += candidates.count
    }
    board.add(worker: worker, elementsSorted: compared, rowsGathered: 0)
  }

  private func scoreWide(worker: Int, unit: Int) {
    guard let operands = current.value, let wide else { return }
    let (list, rows) = rows(of: unit)
    var compared = 0
    for row in rows {
      let count = geometry.visibleBlocks(row: row)
      score(list: list, row: row, count: count, wide.scores(list: list, row: row), operands)
      compared += stage.candidates(row: row, geometry)
    }
    board.add(worker: worker, elementsSorted: compared, rowsGathered: 0)
  }

  /// Adds the products of all heads that share the list.
  private func score(
    list: Int, row: Int, count: Int, _ scores: UnsafeMutablePointer<Float>,
    _ operands: AttendOperands
  ) {
    for index in 0..<lists.headsPerList {
      let head = list * lists.headsPerList + index
      let target = index == 0 ? scores : addends(scores)
      kernels.dot_rows(
        feature(head: head, row: row, operands), keyFeatures(head: head), keyPool.width,
        Int32(count), Int32(keyPool.width), target)
      if index > 0 {
        for block in 0..<count { scores[block] += target[block] }
      }
    }
  }

  private func addends(_ scores: UnsafeMutablePointer<Float>) -> UnsafeMutablePointer<Float> {
    wide == nil ? scores + geometry.blockCount : scores
  }

  private func feature(
    head: Int, row: Int, _ operands: AttendOperands
  ) -> UnsafePointer<Float> {
    if let queryPool { return UnsafePointer(queryPool.feature(head: head, unit: row)) }
    let token = geometry.order.map { Int($0[row]) } ?? row
    return UnsafePointer(operands.query.base + (head * shape.queryLength + token) * shape.headDim)
  }

  private func keyFeatures(head: Int) -> UnsafePointer<Float> {
    guard keyPool.heads != shape.batch * shape.queryHeads else {
      return UnsafePointer(keyPool.feature(head: head, unit: 0))
    }
    let (batch, queryHead) = head.quotientAndRemainder(dividingBy: shape.queryHeads)
    let index = batch * shape.keyValueHeads + queryHead / shape.headGroup
    return UnsafePointer(keyPool.feature(head: index, unit: 0))
  }

  private func prepare(list: Int, count: Int, _ scores: UnsafeMutablePointer<Float>) {
    similarity?.hide(list: list, lists: lists, shape: shape, scores, count: count)
    switch product.form {
    case .raw: break
    case .softmax(let scale): kernels.soften(scores, Int32(count), Float(scale))
    case .minMax: MinMax(scores, count: count).map(scores, count: count)
    }
  }

  private func keepsAll(list: Int, row: Int) -> Bool {
    similarity?.keepsAll(list: list, lists: lists, row: row) ?? false
  }
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
}
