// SPDX-License-Identifier: MIT

import AttentionCore
import CAttentionKernels

/// The tiled softmax engine in Float32: strips of queries against the runs of a schedule.
///
/// Schedules are built once and shared by all heads with the same pattern. A unit of work is a few
/// strips in a row: neighbours share keys, which then stay in the caches of one core, and while one
/// strip is at work the rows of the next are fetched.
final class PreparedTiledSoftmax: PreparedAttention, @unchecked Sendable {
  private let shape: AttentionShape
  private let context: ExecutionContext
  private let places: StripPlaces
  private let windows: PreparedWindows?
  private let summaries: PreparedSummaries?
  private let frequentKeys: PreparedFrequentKeys?
  private let chooser: PatternChooser?
  private let stage: Attend
  private let schedules: HeadSchedules
  private let keyBlocks: KeyBlocks?
  private let stripsPerUnit: Int
  private let fetchesAhead: Bool
  private let workspace: Workspace
  private let board: CountBoard
  private var operands: AttendOperands?
  private var body: WorkerPool.UnitBody?

  let tiles: TileCounts?
  private(set) var counts = EngineCounts()

  init(_ stage: Attend, shape: AttentionShape, weights: WeightSet, context: ExecutionContext) {
    self.stage = stage
    self.shape = shape
    self.context = context
    let schedules = HeadSchedules(stage: stage, shape: shape, tile: context.kernels.tile)
    self.schedules = schedules
    windows = PreparedWindows(
      schedules, rule: stage.rule, shape: shape, weights: weights, kernels: context.kernels)
    places = StripPlaces(
      schedules, rule: stage.rule,
      windows: windows?.ofPattern ?? schedules.schedules.map { _ in nil }, shape: shape,
      weights: weights, workers: context.pool.count)
    let frequentKeys = PreparedFrequentKeys(stage.rule, shape: shape, context: context)
    self.frequentKeys = frequentKeys
    chooser = PatternChooser(
      stage.rule, frequentKeys: frequentKeys, shape: shape, context: context)
    // Those of a plan whose heads choose stand for frequent keys.
    summaries = chooser == nil ? PreparedSummaries(stage.rule, schedules, shape: shape) : nil
    // Summaries, frequent keys and a head's own choice are dealt with strip by strip.
    let isPlain = summaries == nil && frequentKeys == nil && chooser == nil
    keyBlocks = isPlain ? KeyBlocks(shape, kernels: context.kernels.tiled) : nil
    stripsPerUnit = Self.stripsPerUnit(
      total: places.count, workers: context.pool.count, sharesBlocks: keyBlocks != nil)
    fetchesAhead = Self.bytes(shape) / context.pool.count > Self.nearBytes
    tiles = schedules.counts
    let stripBytes = context.kernels.tiled.strip_bytes(Int32(shape.headDim), Int32(shape.valueDim))
    workspace = Workspace(
      bytesPerWorker: max(keyBlocks?.scratchBytes ?? stripBytes, windows?.scratchBytes ?? 0),
      workers: context.pool.count)
    board = CountBoard(workers: context.pool.count)
    body = { [unowned self] worker, unit in attend(worker: worker, unit: unit) }
  }

  var workspaceBytes: Int {
    workspace.bytes + places.bytes + (windows?.bytes ?? 0) + (summaries?.bytes ?? 0)
      + (frequentKeys?.bytes ?? 0) + (chooser?.bytes ?? 0) + (keyBlocks?.bytes ?? 0)
  }

  var selection: Selection? { chooser?.selection }

  var expectedCounts: EngineCounts? {
    guard let chooser else { return stage.expectedCounts(schedules: schedules, shape: shape) }
    return stage.expectedCounts(schedules: schedules, chosen: chooser.selection, shape: shape)
  }

  /// Long enough to share keys, short enough that no worker waits long for the last unit.
  ///
  /// Where strips share blocks of keys, a few longer units cost less than blocks that are read more
  /// often.
  private static func stripsPerUnit(total: Int, workers: Int, sharesBlocks: Bool) -> Int {
    guard sharesBlocks else { return min(max(total / (32 * workers), 1), 16) }
    return min(max(workers == 1 ? total : total / (8 * workers), 1), KeyBlocks.mostStrips)
  }

  /// What a worker still finds in the second cache of its core when it comes back to it; fetching that
  /// ahead takes time and brings nothing.
  private static let nearBytes = 1 << 20

  /// Bytes of all tensors.
  private static func bytes(_ shape: AttentionShape) -> Int {
    let rows =
      shape.queryHeads * shape.queryLength + shape.keyValueHeads * shape.keyLength
    return MemoryLayout<Float>.stride * shape.batch * rows * (shape.headDim + shape.valueDim)
  }

  func run(_ inputs: AttentionInputs, into output: Tensor<Float>) {
    guard case .queryKeyValue(let query, let key, let value) = inputs, let body else {
      preconditionFailure("tiled softmax takes query, key and value")
    }
    board.reset()
    summaries?.run(key: key, value: value, pool: context.pool, board: board)
    let operands = AttendOperands(query: query, key: key, value: value, output: output)
    self.operands = operands
    if let chooser {
      chooser.run(operands, pool: context.pool, board: board)
      places.assign(chooser.choices)
    }
    context.pool.run(units: (places.count + stripsPerUnit - 1) / stripsPerUnit, body)
    counts = board.sum
  }

  private func attend(worker: Int, unit: Int) {
    guard let operands else { return }
    let positions = unit * stripsPerUnit..<min((unit + 1) * stripsPerUnit, places.count)
    var position = positions.lowerBound
    var next: StripPlaces.Place? = places[position]
    while position < positions.upperBound, let place = next {
      let group = keyBlocks?.group(position..<positions.upperBound, of: places)
      let end = group?.positions.upperBound ?? position + 1
      // A worker goes on to the next unit, unless another one is done before it.
      next = end < places.count ? places[end] : nil
      let announced = fetchesAhead ? next : nil
      if let keyBlocks, let group {
        keyBlocks.attend(
          group, of: places, operands, scratch: workspace[worker], worker: worker, board: board)
      } else if let windows, windows.hold(place) {
        windows.attend(
          place, next: announced, schedules: places.schedules, operands,
          scratch: workspace[worker], worker: worker, board: board)
      } else {
        attend(worker: worker, place: place, next: announced, operands)
      }
      position = end
    }
  }

  private func attend(
    worker: Int, place: StripPlaces.Place, next: StripPlaces.Place?, _ operands: AttendOperands
  ) {
    let schedule = places.schedules[place.pattern]
    let strip = schedule.strips[place.strip]
    let at = operands.head(place.head, shape: shape)
    let kernels = context.kernels.tiled
    let scratch = workspace[worker]
    let ids = schedule.queries + strip.queries.lowerBound
    let count = Int32(strip.queries.count)
    let (headDim, valueDim) = (shape.headDim, shape.valueDim)
    kernels.load(
      scratch, at.query, headDim, ids, count, Int32(headDim), Int32(valueDim), shape.kernelScale)
    if let next {
      var announcement = places.announcement(of: next, operands, shape: shape)
      kernels.announce?(scratch, &announcement)
    }
    if let relative = places.relativeBias(place) {
      kernels.bias(
        scratch, relative.table(head: place.head % shape.queryHeads),
        relative.rows + strip.runs.lowerBound)
    }
    kernels.attend(
      scratch, at.key, headDim, at.value, valueDim, places.bias(place),
      schedule.runs + strip.runs.lowerBound, Int32(strip.runs.count), schedule.masks, board[worker])
    board.add(
      worker: worker, keyRows: schedule.keyRows(strip), queryRows: strip.queries.count, shape)
    summaries?.attend(
      scratch, pattern: place.pattern, strip: place.strip, head: at.keyValueIndex, worker: worker,
      kernels: kernels, board: board)
    frequentKeys?.attend(scratch, place: place, worker: worker, board: board)
    kernels.store(scratch, at.output, valueDim, ids, count, nil)
  }
}

/// The tensors of one run.
struct AttendOperands {
  let query, key, value, output: Tensor<Float>

  struct Head {
    let query, key, value: UnsafePointer<Float>
    let output: UnsafeMutablePointer<Float>
    /// Index of the key-value head over the whole batch.
    let keyValueIndex: Int
  }

  /// The matrices of query head `index`, counted over the whole batch.
  func head(_ index: Int, shape: AttentionShape) -> Head {
    let batch = index / shape.queryHeads
    let queryHead = index % shape.queryHeads
    let keyHead = queryHead / shape.headGroup
    return Head(
      query: UnsafePointer(query.matrix(batch: batch, head: queryHead)),
      key: UnsafePointer(key.matrix(batch: batch, head: keyHead)),
      value: UnsafePointer(value.matrix(batch: batch, head: keyHead)),
      output: output.matrix(batch: batch, head: queryHead),
      keyValueIndex: batch * shape.keyValueHeads + keyHead)
  }
}

extension AttentionShape {
  /// The softmax scale in log2 units: kernels work with powers of two.
  var kernelScale: Float { Float(softmaxScale * 1.442_695_040_888_963_4) }
}
