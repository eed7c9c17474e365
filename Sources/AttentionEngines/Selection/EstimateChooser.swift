// SPDX-License-Identifier: MIT

import AttentionCore
import CAttentionKernels
import RealModule

/// Chooses blocks by 4-bit estimates of all scores against exact scores near the diagonal.
final class EstimateChooser: BlockChooser, @unchecked Sendable {
  private let pattern: LowBitEstimate
  private let stage: AttendSelected
  private let shape: AttentionShape
  private let geometry: SelectionGeometry
  private let lists: SelectionLists
  private let kernels: attn_select_kernels_t
  private let source: KeyValueSource
  private let current: CurrentOperands
  private let board: CountBoard
  private let rowPlaces: [RowPlaces]
  private let keys: PackedEstimates
  /// Mean queries `[heads, headDim]`, and what they add to the score of every key `[heads, keys]`.
  private let means: Tensor<Float>
  private let offsets: Tensor<Float>
  /// Per worker: exact scores of one query, a smoothed query, thresholds and scales of a row unit.
  private let scratch: Workspace
  private let codes: Workspace
  private let mostQueries: Int
  private let paddedWidth: Int

  init(
    _ stage: AttendSelected, pattern: LowBitEstimate, shape: AttentionShape,
    setting: SelectionSetting
  ) {
    self.pattern = pattern
    self.stage = stage
    self.shape = shape
    geometry = setting.geometry
    lists = setting.lists
    source = setting.source
    current = setting.current
    board = setting.board
    kernels = setting.context.kernels.select
    rowPlaces = RowPlaces.all(stage, setting.geometry)
    keys = PackedEstimates(shape: shape, geometry: setting.geometry, context: setting.context)
    let heads = shape.batch * shape.queryHeads
    means = Tensor([heads, shape.headDim])
    offsets = Tensor([heads, shape.keyLength])
    mostQueries = setting.geometry.rowStarts[1]
    paddedWidth = (shape.headDim + 1) & ~1
    let workers = setting.context.pool.count
    scratch = Workspace(
      bytesPerWorker: 4 * (shape.keyLength + shape.headDim + 2 * mostQueries), workers: workers)
    codes = Workspace(bytesPerWorker: mostQueries * paddedWidth, workers: workers)
  }

  var bytes: Int { keys.bytes + means.byteCount + offsets.byteCount + scratch.bytes + codes.bytes }

  var phases: [SelectionPhase] {
    let heads = shape.batch * shape.queryHeads
    return keys.phases(source, current) + [
      SelectionPhase(units: heads, body: average),
      SelectionPhase(units: heads * geometry.rowCount, body: choose),
    ]
  }

  /// Means of queries, and their products with the smoothed keys.
  private func average(worker: Int, head: Int) {
    guard let operands = current.value else { return }
    let at = operands.head(head, shape: shape)
    let mean = means.base + head * shape.headDim
    kernels.pool_mean(
      at.query, shape.headDim, Int32(shape.queryLength), Int32(shape.headDim), mean)
    let target = offsets.base + head * shape.keyLength
    score(mean, at, count: shape.keyLength, operands, into: target)
  }

  /// Scaled products of a query with the first `count` smoothed keys.
  private func score(
    _ query: UnsafePointer<Float>, _ at: AttendOperands.Head, first: Int = 0, count: Int,
    _ operands: AttendOperands, into target: UnsafeMutablePointer<Float>
  ) {
    guard count > 0 else { return }
    let width = Int32(shape.headDim)
    var shift = Float(0)
    kernels.dot_rows(query, keys.mean(at.keyValueIndex), shape.headDim, 1, width, &shift)
    kernels.dot_rows(
      query, source.keys(at.keyValueIndex, operands) + first * shape.headDim, shape.headDim,
      Int32(count), width, target)
    let scale = Float(shape.softmaxScale)
    for key in 0..<count { target[key] = (target[key] - shift) * scale }
  }

  private func choose(worker: Int, unit: Int) {
    guard let operands = current.value else { return }
    let (head, row) = unit.quotientAndRemainder(dividingBy: geometry.rowCount)
    let places = rowPlaces[row]
    let at = operands.head(head, shape: shape)
    let queries = geometry.queries(row: row)
    let free = Int(places.firstEnd)..<Int(places.nearStart)
    if !free.isEmpty {
      for (index, query) in queries.enumerated() {
        threshold(query, index, at, places, operands, worker: worker)
        encode(query, index, at, head: head, worker: worker)
      }
      board.add(worker: worker, elementsSorted: free.count, rowsGathered: 0)
    }
    let place = lists.place(list: head, row: row)
    var count = 0
    for block in 0..<Int(places.visible) {
      guard
        !free.contains(block)
          || exceeds(head: head, block: block, at, queries: queries.count, worker: worker)
      else { continue }
      place[count] = Int32(block)
      count += 1
    }
    lists.setCount(count, list: head, row: row)
  }

  /// Finds what a score must exceed: `m + ln(share Z)` over the first and the near blocks.
  private func threshold(
    _ query: Int, _ index: Int, _ at: AttendOperands.Head, _ places: RowPlaces,
    _ operands: AttendOperands, worker: Int
  ) {
    let scores = scratch[worker].assumingMemoryBound(to: Float.self)
    let thresholds = scores + shape.keyLength + shape.headDim
    let row = at.query + query * shape.headDim
    let sink = geometry.blockStarts[Int(places.firstEnd)]
    let near = geometry.blockStarts[Int(places.nearStart)]
    let visible = geometry.visibleKeys(place: query)
    score(row, at, count: sink, operands, into: scores)
    score(row, at, first: near, count: visible - near, operands, into: scores + sink)
    let count = sink + max(visible - near, 0)
    var top = -Float.infinity
    for key in 0..<count { top = max(top, scores[key]) }
    kernels.soften(scores, Int32(count), 1)
    var sum = Float(0)
    for key in 0..<count { sum += scores[key] }
    thresholds[index] = top + Float(Double.log(pattern.share * Double(sum)))
  }

  /// Writes the 4-bit codes of one query, moved to 1...15, and the factor of its products.
  private func encode(
    _ query: Int, _ index: Int, _ at: AttendOperands.Head, head: Int, worker: Int
  ) {
    let smoothed = scratch[worker].assumingMemoryBound(to: Float.self) + shape.keyLength
    let scales = smoothed + shape.headDim + mostQueries
    let row = at.query + query * shape.headDim
    let mean = means.base + head * shape.headDim
    var largest = Float(0)
    for channel in 0..<shape.headDim {
      smoothed[channel] = row[channel] - mean[channel]
      largest = max(largest, abs(smoothed[channel]))
    }
    let target = codes[worker].assumingMemoryBound(to: UInt8.self) + index * paddedWidth
    target.update(repeating: 8, count: paddedWidth)
    let inverse = largest > 0 ? 7 / largest : 0
    for channel in 0..<shape.headDim {
      target[channel] = UInt8(8 + Int((smoothed[channel] * inverse).rounded(.toNearestOrEven)))
    }
    scales[index] = largest / 7 * Float(shape.softmaxScale)
  }

  private func exceeds(
    head: Int, block: Int, _ at: AttendOperands.Head, queries: Int, worker: Int
  ) -> Bool {
    let thresholds =
      scratch[worker].assumingMemoryBound(to: Float.self) + shape.keyLength + shape.headDim
    let scales = thresholds + mostQueries
    let rows = codes[worker].assumingMemoryBound(to: UInt8.self)
    let range = geometry.keys(block: block)
    for query in 0..<queries {
      let isAbove = kernels.estimate_exceeds(
        rows + query * paddedWidth, keys.codes(at.keyValueIndex, block),
        Int32(paddedWidth), Int32(range.count), keys.sums(at.keyValueIndex, range.lowerBound),
        keys.scales(at.keyValueIndex, range.lowerBound),
        offsets.base + head * shape.keyLength + range.lowerBound, scales[query],
        thresholds[query])
      if isAbove != 0 { return true }
    }
    return false
  }
}

/// 4-bit codes of smoothed keys, pairs of channels side by side for 32 keys at a time.
final class PackedEstimates: @unchecked Sendable {
  private let shape: AttentionShape
  private let geometry: SelectionGeometry
  private let kernels: attn_select_kernels_t
  private let means: Tensor<Float>
  private let keyScales: Tensor<Float>
  private let packed: Tensor<Int8>
  /// 8 times the sum of a key's codes: what the offset of query codes adds.
  private let codeSums: UnsafeMutablePointer<Int32>
  private let sumCount: Int
  private let smoothed: Workspace
  private let paddedWidth: Int
  /// Keys of one packed block.
  static let blockKeys = 32

  init(shape: AttentionShape, geometry: SelectionGeometry, context: ExecutionContext) {
    self.shape = shape
    self.geometry = geometry
    kernels = context.kernels.select
    paddedWidth = (shape.headDim + 1) & ~1
    let heads = shape.batch * shape.keyValueHeads
    means = Tensor([heads, shape.headDim])
    keyScales = Tensor([heads, shape.keyLength])
    packed = Tensor([heads, geometry.blockCount, paddedWidth * Self.blockKeys])
    sumCount = heads * shape.keyLength
    codeSums = .allocate(capacity: sumCount)
    codeSums.initialize(repeating: 0, count: sumCount)
    smoothed = Workspace(bytesPerWorker: 4 * shape.headDim, workers: context.pool.count)
  }

  deinit {
    codeSums.deallocate()
  }

  var bytes: Int {
    means.byteCount + keyScales.byteCount + packed.byteCount + 4 * sumCount + smoothed.bytes
  }

  func mean(_ head: Int) -> UnsafePointer<Float> {
    UnsafePointer(means.base + head * shape.headDim)
  }
  func scales(_ head: Int, _ key: Int) -> UnsafePointer<Float> {
    UnsafePointer(keyScales.base + head * shape.keyLength + key)
  }
  func sums(_ head: Int, _ key: Int) -> UnsafePointer<Int32> {
    UnsafePointer(codeSums + head * shape.keyLength + key)
  }
  func codes(_ head: Int, _ block: Int) -> UnsafePointer<Int8> {
    UnsafePointer(
      packed.base + (head * geometry.blockCount + block) * paddedWidth * Self.blockKeys)
  }

  func phases(_ source: KeyValueSource, _ current: CurrentOperands) -> [SelectionPhase] {
    let heads = shape.batch * shape.keyValueHeads
    return [
      SelectionPhase(units: heads) { [self] _, head in
        guard let operands = current.value else { return }
        kernels.pool_mean(
          source.keys(head, operands), shape.headDim, Int32(shape.keyLength),
          Int32(shape.headDim), means.base + head * shape.headDim)
      },
      SelectionPhase(units: heads * geometry.blockCount) { [self] worker, unit in
        guard let operands = current.value else { return }
        pack(unit, keys: source.keys(unit / geometry.blockCount, operands), worker: worker)
      },
    ]
  }

  private func pack(_ unit: Int, keys: UnsafePointer<Float>, worker: Int) {
    let (head, block) = unit.quotientAndRemainder(dividingBy: geometry.blockCount)
    let target = packed.base + unit * paddedWidth * Self.blockKeys
    target.update(repeating: 0, count: paddedWidth * Self.blockKeys)
    let row = smoothed[worker].assumingMemoryBound(to: Float.self)
    let mean = means.base + head * shape.headDim
    for (lane, key) in geometry.keys(block: block).enumerated() {
      var largest = Float(0)
      for channel in 0..<shape.headDim {
        row[channel] = keys[key * shape.headDim + channel] - mean[channel]
        largest = max(largest, abs(row[channel]))
      }
      let inverse = largest > 0 ? 7 / largest : 0
      var sum: Int32 = 0
      for channel in 0..<shape.headDim {
        let code = Int8((row[channel] * inverse).rounded(.toNearestOrEven))
        target[channel / 2 * 2 * Self.blockKeys + 2 * lane + channel % 2] = code
        sum += Int32(code)
      }
      keyScales[head * shape.keyLength + key] = largest / 7
      codeSums[head * shape.keyLength + key] = 8 * sum
    }
  }
}
