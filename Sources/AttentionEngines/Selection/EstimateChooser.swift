// SPDX-License-Identifier: MIT

import AttentionCore
import CAttentionKernels
import RealModule

/// Chooses blocks by 4-bit estimates of all scores against exact scores near the diagonal.
final class EstimateChooser: Chooser, BlockChooser, @unchecked Sendable {
  private let pattern: LowBitEstimate
  private let stage: AttendSelected
  private let rowPlaces: [RowPlaces]
  private let keys: PackedEstimates
  /// Mean queries `[heads, headDim]`, and what they add to the score of every key `[heads, keys]`.
  private let means: Tensor<Float>
  private let offsets: Tensor<Float>
  /// Per worker: exact scores of a batch of queries, a smoothed query, and of a row unit thresholds,
  /// scales and products with the mean key.
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
    rowPlaces = RowPlaces.all(stage, setting.geometry)
    keys = PackedEstimates(shape: shape, geometry: setting.geometry, context: setting.context)
    let heads = shape.batch * shape.queryHeads
    means = Tensor([heads, shape.headDim])
    offsets = Tensor([heads, shape.keyLength])
    mostQueries = setting.geometry.rowStarts[1]
    paddedWidth = (shape.headDim + 1) & ~1
    let workers = setting.context.pool.count
    scratch = Workspace(
      bytesPerWorker: 4 * (ScoreBatch.rows * shape.keyLength + shape.headDim + 3 * mostQueries),
      workers: workers)
    codes = Workspace(bytesPerWorker: mostQueries * paddedWidth, workers: workers)
    super.init(shape: shape, setting: setting)
  }

  var bytes: Int { keys.bytes + means.byteCount + offsets.byteCount + scratch.bytes + codes.bytes }

  var phases: [WorkerPool.Job] {
    let heads = shape.batch * shape.queryHeads
    return keys.phases(source, current) + [
      WorkerPool.Job(units: heads, body: average),
      WorkerPool.Job(units: heads * piecesPerHead, body: offset),
      WorkerPool.Job(units: heads * geometry.rowCount, body: choose),
    ]
  }

  private static let keysPerPiece = 1024
  private var piecesPerHead: Int {
    (shape.keyLength + Self.keysPerPiece - 1) / Self.keysPerPiece
  }

  /// Means of queries.
  private func average(worker: Int, head: Int) {
    guard let operands = current.value else { return }
    let at = operands.head(head, shape: shape)
    let mean = means.base + head * shape.headDim
    kernels.pool_mean(
      at.query, shape.headDim, Int32(shape.queryLength), Int32(shape.headDim), mean)
  }

  /// Scaled products of a head's mean query with a piece of the smoothed keys.
  private func offset(worker: Int, unit: Int) {
    guard let operands = current.value else { return }
    let (head, piece) = unit.quotientAndRemainder(dividingBy: piecesPerHead)
    let first = piece * Self.keysPerPiece
    let count = min(Self.keysPerPiece, shape.keyLength - first)
    let at = operands.head(head, shape: shape)
    let mean = means.base + head * shape.headDim
    let target = offsets.base + head * shape.keyLength + first
    let width = Int32(shape.headDim)
    var shift = Float(0)
    kernels.dot_rows(mean, keys.mean(at.keyValueIndex), shape.headDim, 1, width, &shift)
    kernels.dot_rows(
      mean, source.keys(at.keyValueIndex, operands) + first * shape.headDim, shape.headDim,
      Int32(count), width, target)
    let scale = Float(shape.softmaxScale)
    for key in 0..<count { target[key] = (target[key] - shift) * scale }
  }

  private func choose(worker: Int, unit: Int) {
    guard let operands = current.value else { return }
    let (head, index) = unit.quotientAndRemainder(dividingBy: geometry.rowCount)
    // The last row units of a causal problem see the most; they come first.
    let row = geometry.rowCount - 1 - index
    let places = rowPlaces[row]
    let at = operands.head(head, shape: shape)
    let queries = geometry.queries(row: row)
    let free = Int(places.firstEnd)..<Int(places.nearStart)
    if !free.isEmpty {
      for first in stride(from: 0, to: queries.count, by: ScoreBatch.rows) {
        let batch = first..<min(first + ScoreBatch.rows, queries.count)
        thresholds(queries.lowerBound, batch, at, places, operands, worker: worker)
      }
      for (index, query) in queries.enumerated() {
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

  /// Finds what scores must exceed: `m + ln(share Z)` over the first and the near blocks.
  private func thresholds(
    _ first: Int, _ batch: Range<Int>, _ at: AttendOperands.Head, _ places: RowPlaces,
    _ operands: AttendOperands, worker: Int
  ) {
    let scores = scratch[worker].assumingMemoryBound(to: Float.self)
    let thresholds = thresholds(worker)
    let shifts = thresholds + 2 * mostQueries
    let rows = at.query + (first + batch.lowerBound) * shape.headDim
    let keys = source.keys(at.keyValueIndex, operands)
    let sink = geometry.blockStarts[Int(places.firstEnd)]
    let near = geometry.blockStarts[Int(places.nearStart)]
    let most = geometry.visibleKeys(place: first + batch.upperBound - 1)
    multiply(
      rows, count: batch.count, stride: shape.headDim, keys, keys: sink, into: scores,
      scoreStride: shape.keyLength)
    multiply(
      rows, count: batch.count, stride: shape.headDim, keys + near * shape.headDim,
      keys: most - near, into: scores + sink, scoreStride: shape.keyLength)
    multiply(
      rows, count: batch.count, stride: shape.headDim, self.keys.mean(at.keyValueIndex), keys: 1,
      into: shifts, scoreStride: 1)
    let scale = Float(shape.softmaxScale)
    for (offset, index) in batch.enumerated() {
      let row = scores + offset * shape.keyLength
      let count = sink + max(geometry.visibleKeys(place: first + index) - near, 0)
      var top = -Float.infinity
      for key in 0..<count {
        row[key] = (row[key] - shifts[offset]) * scale
        top = max(top, row[key])
      }
      let sum = kernels.soften(row, Int32(count), 1)
      thresholds[index] = top + Float(Double.log(pattern.share * Double(sum)))
    }
  }

  private func thresholds(_ worker: Int) -> UnsafeMutablePointer<Float> {
    scratch[worker].assumingMemoryBound(to: Float.self) + ScoreBatch.rows * shape.keyLength
      + shape.headDim
  }

  /// Writes the 4-bit codes of one query, moved to 1...15, and the factor of its products.
  private func encode(
    _ query: Int, _ index: Int, _ at: AttendOperands.Head, head: Int, worker: Int
  ) {
    let smoothed = thresholds(worker) - shape.headDim
    let scales = thresholds(worker) + mostQueries
    let row = at.query + query * shape.headDim
    let mean = means.base + head * shape.headDim
    for channel in 0..<shape.headDim { smoothed[channel] = row[channel] - mean[channel] }
    let scale = keys.quantiser.roundToken(smoothed, width: shape.headDim, LowBitEstimate.operand)
    let target = codes[worker].assumingMemoryBound(to: UInt8.self) + index * paddedWidth
    target.update(repeating: 8, count: paddedWidth)
    for channel in 0..<shape.headDim {
      // A query that is no number has no code; the block may then be kept or not.
      target[channel] = UInt8(8 + (Int8(exactly: smoothed[channel]) ?? 0))
    }
    scales[index] = scale * Float(shape.softmaxScale)
  }

  private func exceeds(
    head: Int, block: Int, _ at: AttendOperands.Head, queries: Int, worker: Int
  ) -> Bool {
    let thresholds = thresholds(worker)
    let range = geometry.keys(block: block)
    return kernels.estimates_exceed(
      codes[worker].assumingMemoryBound(to: UInt8.self), paddedWidth, Int32(queries),
      keys.codes(at.keyValueIndex, block), Int32(paddedWidth), Int32(range.count),
      keys.sums(at.keyValueIndex, range.lowerBound),
      keys.scales(at.keyValueIndex, range.lowerBound),
      offsets.base + head * shape.keyLength + range.lowerBound, thresholds + mostQueries,
      thresholds) != 0
  }
}

/// 4-bit codes of smoothed keys, pairs of channels side by side for 32 keys at a time.
final class PackedEstimates: @unchecked Sendable {
  private let shape: AttentionShape
  private let geometry: SelectionGeometry
  private let kernels: attn_select_kernels_t
  let quantiser: Quantiser
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
    quantiser = Quantiser(context.kernels)
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

  func phases(_ source: KeyValueSource, _ current: CurrentOperands) -> [WorkerPool.Job] {
    let heads = shape.batch * shape.keyValueHeads
    return [
      WorkerPool.Job(units: heads) { [self] _, head in
        guard let operands = current.value else { return }
        kernels.pool_mean(
          source.keys(head, operands), shape.headDim, Int32(shape.keyLength),
          Int32(shape.headDim), means.base + head * shape.headDim)
      },
      WorkerPool.Job(units: heads * geometry.blockCount) { [self] worker, unit in
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
      for channel in 0..<shape.headDim {
        row[channel] = keys[key * shape.headDim + channel] - mean[channel]
      }
      keyScales[head * shape.keyLength + key] = quantiser.roundToken(
        row, width: shape.headDim, LowBitEstimate.operand)
      var sum: Int32 = 0
      for channel in 0..<shape.headDim {
        let code = Int8(exactly: row[channel]) ?? 0
        target[channel / 2 * 2 * Self.blockKeys + 2 * lane + channel % 2] = code
        sum += Int32(code)
      }
      codeSums[head * shape.keyLength + key] = 8 * sum
    }
  }
}
