// SPDX-License-Identifier: MIT

import AttentionCore
import CAttentionKernels

/// Chooses blocks by products of pooled features.
final class ProductChooser: Chooser, BlockChooser, @unchecked Sendable {
  private let stage: AttendSelected
  private let product: FeatureProduct
  private let keyPool: any KeyFeatures
  private let queryPool: FeaturePool?
  private let similarity: BlockSimilarity?
  private let cutter: RowCutter
  private let wide: WideCut?
  /// Per worker: scores of a batch of row units, and those of one head to be added.
  private let scratch: Workspace
  private let rowsPerUnit: Int
  private let rowPlaces: [RowPlaces]
  /// Row units that choose; those after them keep everything.
  private let freeRows: Int
  private let skipsForced: Bool
  private let forcedCompete: Bool
  /// Best blocks that a row unit wants, its forced ones included, where they are found while
  /// products are made: of plain products of one head.
  private let bestBlocks: Int?

  init(
    _ stage: AttendSelected, product: FeatureProduct, shape: AttentionShape,
    setting: SelectionSetting
  ) {
    self.stage = stage
    self.product = product
    let context = setting.context
    keyPool =
      product.key.statistics == [.attention]
      ? AttentionFeatures(shape: shape, setting: setting)
      : FeaturePool(
        product.key, starts: setting.geometry.blockStarts, order: nil,
        heads: shape.batch * shape.keyValueHeads, headDim: shape.headDim, weights: setting.weights,
        context: context)
    queryPool =
      stage.poolsQueries(product)
      ? FeaturePool(
        product.query, starts: setting.geometry.rowStarts, order: setting.geometry.order,
        heads: shape.batch * shape.queryHeads, headDim: shape.headDim,
        position: shape.isCausal
          ? shape.visibleKeys(query: shape.queryLength - 1)
            - shape.queryLength : 0, weights: setting.weights, context: context) : nil
    similarity = product.leastSimilarity.map {
      BlockSimilarity(
        least: Float($0), shape: shape, geometry: setting.geometry, context: context)
    }
    cutter = RowCutter(stage, geometry: setting.geometry, context: context)
    wide =
      stage.rule.scope == .row
      ? nil
      : WideCut(
        stage, shape: shape, geometry: setting.geometry, lists: setting.lists, context: context)
    scratch = Workspace(
      bytesPerWorker: 8 * ScoreBatch.rows * ScoreBatch.stride(setting.geometry.blockCount),
      workers: context.pool.count)
    rowPlaces = RowPlaces.all(stage, setting.geometry)
    // The range and the sum of all scores are those of forced blocks too.
    switch (stage.rule.measure, product.form) {
    case (_, .minMax), (.mass, _), (.massWithin, _): skipsForced = false
    case (.top, _), (.above, _): skipsForced = stage.rule.forcedTakePlaces
    }
    forcedCompete = !stage.rule.forcedTakePlaces
    bestBlocks = Self.bestBlocks(
      stage, product, isContiguous: queryPool != nil || setting.geometry.order == nil,
      headsPerList: setting.lists.headsPerList)
    freeRows = setting.geometry.rowCount - stage.forced.lastRows
    rowsPerUnit = max(256 / max(setting.geometry.rowStarts[1], 1), 1)
    super.init(shape: shape, setting: setting)
  }

  private static func bestBlocks(
    _ stage: AttendSelected, _ product: FeatureProduct, isContiguous: Bool, headsPerList: Int
  ) -> Int? {
    guard case .top(let count) = stage.rule.measure, stage.rule.scope == .row,
      stage.rule.forcedTakePlaces, product.form == .raw, product.leastSimilarity == nil,
      isContiguous, headsPerList == 1
    else { return nil }
    return count
  }

  var bytes: Int {
    keyPool.bytes + (queryPool?.bytes ?? 0) + (similarity?.bytes ?? 0) + cutter.bytes
      + (wide?.bytes ?? 0) + scratch.bytes
  }

  var phases: [WorkerPool.Job] {
    var phases = [
      WorkerPool.Job(units: keyPool.heads * Self.batches(keyPool.units), body: poolKeys)
    ]
    if let queryPool {
      phases.append(
        WorkerPool.Job(units: queryPool.heads * Self.batches(queryPool.units), body: poolQueries))
    }
    if let similarity { phases += similarity.phases(source, current) }
    guard let wide else {
      return phases + [WorkerPool.Job(units: lists.lists * unitsPerList, body: choose)]
    }
    phases.append(WorkerPool.Job(units: lists.lists * unitsPerList, body: scoreWide))
    return phases + wide.phases
  }

  private var unitsPerList: Int { (geometry.rowCount + rowsPerUnit - 1) / rowsPerUnit }

  /// Units whose features are made together: many single rows are one product of matrices.
  private static let featuresPerUnit = 32

  private static func batches(_ units: Int) -> Int {
    (units + featuresPerUnit - 1) / featuresPerUnit
  }

  private static func batch(_ unit: Int, of units: Int) -> (head: Int, units: Range<Int>) {
    let (head, part) = unit.quotientAndRemainder(dividingBy: batches(units))
    return (head, part * featuresPerUnit..<min((part + 1) * featuresPerUnit, units))
  }

  private func poolKeys(worker: Int, unit: Int) {
    guard let operands = current.value else { return }
    let batch = Self.batch(unit, of: keyPool.units)
    keyPool.pool(head: batch.head, units: batch.units, worker: worker, source, operands)
  }

  private func poolQueries(worker: Int, unit: Int) {
    guard let operands = current.value, let queryPool else { return }
    let batch = Self.batch(unit, of: queryPool.units)
    queryPool.pool(
      head: batch.head, units: batch.units, worker: worker,
      rows: operands.head(batch.head, shape: shape).query)
  }

  private func rows(of unit: Int) -> (list: Int, rows: Range<Int>) {
    let (list, part) = unit.quotientAndRemainder(dividingBy: unitsPerList)
    return (list, part * rowsPerUnit..<min((part + 1) * rowsPerUnit, geometry.rowCount))
  }

  private func choose(worker: Int, unit: Int) {
    guard let operands = current.value else { return }
    let (list, rows) = rows(of: unit)
    var compared = 0
    for first in stride(from: rows.lowerBound, to: rows.upperBound, by: ScoreBatch.rows) {
      let batch = first..<min(first + ScoreBatch.rows, rows.upperBound)
      compared += choose(list: list, batch, operands, worker: worker)
    }
    board.add(worker: worker, elementsSorted: compared, rowsGathered: 0)
  }

  private func candidates(_ row: Int) -> RowCandidates {
    RowCandidates(
      rowPlaces[row], forcedCompete: forcedCompete, keepsAll: row >= freeRows,
      skipsForced: skipsForced)
  }

  /// Chooses for a few neighbouring row units; returns how many scores were compared.
  private func choose(
    list: Int, _ rows: Range<Int>, _ operands: AttendOperands, worker: Int
  ) -> Int {
    if let compared = chooseBest(list: list, rows, operands, worker: worker) { return compared }
    let batch = scratch[worker].assumingMemoryBound(to: Float.self)
    // Some row may need all scores that the longest needs; the others only look at their part.
    let most = rows.reduce(0) {
      let candidates = candidates($1)
      return max($0, candidates.count > 0 ? candidates.scored : 0)
    }
    let step = ScoreBatch.stride(geometry.blockCount)
    score(
      list: list, rows, count: most, ScoreRows(base: batch, stride: step),
      addends: batch + rows.count * step, operands)
    var compared = 0
    for row in rows {
      let scores = batch + (row - rows.lowerBound) * step
      let candidates = candidates(row)
      if candidates.count > 0 {
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
      if let kept = lists.scores(head: list * lists.headsPerList, row: row) {
        let place = lists.place(list: list, row: row)
        for rank in 0..<count { kept[rank] = scores[Int(place[rank])] }
      }
      compared += candidates.count
    }
    return compared
  }

  /// Chooses the best blocks of neighbouring row units while their products are made, where all want
  /// as many between the same forced ones; nil, with nothing chosen, otherwise.
  private func chooseBest(
    list: Int, _ rows: Range<Int>, _ operands: AttendOperands, worker: Int
  ) -> Int? {
    guard let bestBlocks, let bestRows = kernels.best_rows else { return nil }
    let memory = scratch[worker].assumingMemoryBound(to: Float.self)
    let counts = UnsafeMutableRawPointer(
      memory + ScoreBatch.rows * ScoreBatch.stride(geometry.blockCount)
    ).assumingMemoryBound(to: Int32.self)
    let start = Int(rowPlaces[rows.lowerBound].firstEnd)
    let wanted = bestBlocks - candidates(rows.lowerBound).forced.count
    guard wanted > 0, wanted <= Int(ATTN_BEST_MOST) else { return nil }
    var compared = 0
    for row in rows {
      let candidates = candidates(row)
      guard candidates.count >= wanted, candidates.forced.first.upperBound == start,
        bestBlocks - candidates.forced.count == wanted, candidates.endsBeforeForced
      else { return nil }
      counts[row - rows.lowerBound] = Int32(candidates.count)
      compared += candidates.count
    }
    let place = lists.place(list: list, row: rows.lowerBound) + start
    var best = attn_best_t(
      x: feature(head: list, row: rows.lowerBound, operands),
      rows: keyFeatures(head: list) + start * keyPool.width, x_stride: keyPool.width,
      stride: keyPool.width, counts: counts, x_count: Int32(rows.count),
      width: Int32(keyPool.width), wanted: Int32(wanted), scores: memory, ids: place,
      best: lists.scores(head: list, row: rows.lowerBound).map { $0 + start },
      best_stride: lists.capacity)
    guard bestRows(&best) != 0 else { return nil }
    for row in rows {
      let count = candidates(row).complete(
        lists.place(list: list, row: row), start: start, chosen: wanted)
      lists.setCount(count, list: list, row: row)
    }
    return compared
  }

  private func scoreWide(worker: Int, unit: Int) {
    guard let operands = current.value, let wide else { return }
    let (list, rows) = rows(of: unit)
    var compared = 0
    let addends = scratch[worker].assumingMemoryBound(to: Float.self)
    for first in stride(from: rows.lowerBound, to: rows.upperBound, by: ScoreBatch.rows) {
      let batch = first..<min(first + ScoreBatch.rows, rows.upperBound)
      let most = batch.reduce(0) { max($0, geometry.visibleBlocks(row: $1)) }
      score(
        list: list, batch, count: most,
        ScoreRows(base: wide.scores(list: list, row: first), stride: geometry.blockCount),
        addends: addends, operands)
      for row in batch { compared += stage.candidates(row: row, geometry) }
    }
    board.add(worker: worker, elementsSorted: compared, rowsGathered: 0)
  }

  /// Adds the products of all heads that share the list: a row of block scores per row unit.
  private func score(
    list: Int, _ rows: Range<Int>, count: Int, _ scores: ScoreRows,
    addends: UnsafeMutablePointer<Float>, _ operands: AttendOperands
  ) {
    guard count > 0 else { return }
    multiply(head: list * lists.headsPerList, rows, count: count, scores, operands)
    let addends = ScoreRows(base: addends, stride: scores.stride)
    for index in 1..<max(lists.headsPerList, 1) {
      multiply(head: list * lists.headsPerList + index, rows, count: count, addends, operands)
      for row in 0..<rows.count {
        for place in row * scores.stride..<row * scores.stride + count {
          scores.base[place] += addends.base[place]
        }
      }
    }
  }

  private func multiply(
    head: Int, _ rows: Range<Int>, count: Int, _ scores: ScoreRows, _ operands: AttendOperands
  ) {
    // Queries of a reordered grid do not lie in a row.
    guard queryPool == nil, let order = geometry.order else {
      kernels.dot_block(
        feature(head: head, row: rows.lowerBound, operands), keyPool.width, Int32(rows.count),
        keyFeatures(head: head), keyPool.width, Int32(count), Int32(keyPool.width), scores.base,
        scores.stride)
      return
    }
    for row in rows {
      let query = operands.query.base + (head * shape.queryLength + Int(order[row])) * shape.headDim
      kernels.dot_rows(
        query, keyFeatures(head: head), keyPool.width, Int32(count), Int32(keyPool.width),
        scores.base + (row - rows.lowerBound) * scores.stride)
    }
  }

  private func feature(
    head: Int, row: Int, _ operands: AttendOperands
  ) -> UnsafePointer<Float> {
    if let queryPool { return UnsafePointer(queryPool.feature(head: head, unit: row)) }
    return UnsafePointer(operands.query.base + (head * shape.queryLength + row) * shape.headDim)
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
    case .softmax(let scale): _ = kernels.soften(scores, Int32(count), Float(scale))
    case .minMax: MinMax(scores, count: count).map(scores, count: count)
    }
  }

  private func keepsAll(list: Int, row: Int) -> Bool {
    similarity?.keepsAll(list: list, lists: lists, row: row) ?? false
  }
}

/// Rows of scores, `stride` floats apart.
private struct ScoreRows {
  let base: UnsafeMutablePointer<Float>
  let stride: Int
}
