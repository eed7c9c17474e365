// SPDX-License-Identifier: MIT

import AttentionCore

/// FFTNet's mixer: layer norm, a filter from the mean token, and `x + irfft(modReLU(filter rfft))`.
///
/// Filters of all batches come first, so that the network's weights are read once. Then batches
/// follow each other, so that their columns stay in cache from normalisation to residual.
final class PreparedAdaptiveFilter: PreparedAttention, @unchecked Sendable {
  private let shape: AttentionShape
  private let context: ExecutionContext
  private let forward: FourierPlan
  private let backward: FourierPlan
  private let statistics: LayerStatistics
  private let network: FilterNetwork
  private let spectral: SpectralFilter
  private let features: FeatureColumns
  /// The columns of one batch.
  private let columns: Workspace
  private let scratch: Workspace
  private let board: CountBoard
  private var input: Tensor<Float>?
  private var output: Tensor<Float>?
  private var batch = 0
  private var filterSteps: [WorkerPool.Job] = []
  private var batchSteps: [WorkerPool.Job] = []

  let expectedCounts: EngineCounts?
  private(set) var counts = EngineCounts()

  init(
    _ filter: AdaptiveFilter, counts: EngineCounts, shape: AttentionShape, weights: WeightSet,
    context: ExecutionContext
  ) throws(EngineError) {
    let length = shape.queryLength
    self.shape = shape
    self.context = context
    forward = try FourierPlan(length: length, direction: .forward)
    backward = try FourierPlan(length: length, direction: .backward)
    statistics = LayerStatistics(shape: shape)
    network = FilterNetwork(shape: shape, weights: weights)
    spectral = SpectralFilter(filter, length: length)
    features = FeatureColumns(length: length, channels: shape.channels)
    columns = Workspace(
      bytesPerWorker: ColumnStore.bytes(pairs: features.pairs, length: length), workers: 1)
    scratch = Workspace(
      bytesPerWorker: max(ColumnStore.bytes(pairs: 1, length: length), network.scratchBytes),
      workers: context.pool.count)
    board = CountBoard(workers: context.pool.count)
    expectedCounts = counts
    makeSteps()
  }

  var workspaceBytes: Int { statistics.bytes + network.bytes + columns.bytes + scratch.bytes }

  func run(_ inputs: AttentionInputs, into output: Tensor<Float>) {
    guard case .tokens(let input) = inputs else {
      preconditionFailure("the adaptive filter takes token features")
    }
    board.reset()
    self.input = input
    self.output = output
    BLASIdentity.useOneThreadPerProduct()
    context.pool.run(filterSteps)
    for batch in 0..<shape.batch {
      self.batch = batch
      context.pool.run(batchSteps)
    }
    counts = board.sum
  }

  private func makeSteps() {
    filterSteps = [
      WorkerPool.Job(units: shape.batch * statistics.rows.units) { [unowned self] worker, unit in
        measure(worker: worker, unit: unit)
      },
      WorkerPool.Job(units: shape.batch) { [unowned self] _, batch in
        statistics.average(batch: batch)
      },
      WorkerPool.Job(units: network.hiddenRows.units) { [unowned self] worker, unit in
        activate(worker: worker, unit: unit)
      },
      WorkerPool.Job(units: network.filterRows.units) { [unowned self] worker, unit in
        modulate(worker: worker, unit: unit)
      },
    ]
    batchSteps = [
      WorkerPool.Job(units: features.rows.units) { [unowned self] worker, unit in
        normalise(worker: worker, unit: unit)
      },
      WorkerPool.Job(units: features.columns.units) { [unowned self] worker, unit in
        mix(worker: worker, unit: unit)
      },
      WorkerPool.Job(units: features.rows.units) { [unowned self] worker, unit in
        addBack(worker: worker, unit: unit)
      },
    ]
  }

  private func measure(worker: Int, unit: Int) {
    guard let input else { return }
    let (batch, block) = unit.quotientAndRemainder(dividingBy: statistics.rows.units)
    let rows = statistics.measure(matrix(input, batch), batch: batch, unit: block)
    board.add(worker: worker, bytesRead: 4 * rows * shape.channels, bytesWritten: 0)
  }

  private func activate(worker: Int, unit: Int) {
    let bytes = network.activate(unit: unit) { statistics.context(batch: $0) }
    board.add(worker: worker, bytesRead: bytes, bytesWritten: 0)
  }

  private func modulate(worker: Int, unit: Int) {
    let bytes = network.modulate(unit: unit, scratch: scratch[worker])
    board.add(worker: worker, bytesRead: bytes, bytesWritten: 0)
  }

  private func normalise(worker: Int, unit: Int) {
    guard let input else { return }
    let rows = features.rows[unit]
    features.normalise(
      matrix(input, batch), tokens: statistics.tokens(batch: batch), rows: rows, into: store)
    board.add(worker: worker, bytesRead: 4 * rows.count * shape.channels, bytesWritten: 0)
  }

  private func mix(worker: Int, unit: Int) {
    let spectrum = scratch[worker].assumingMemoryBound(to: ComplexPair.self)
    let store = store
    for pair in features.columns[unit] {
      forward.execute(store[pair], into: spectrum)
      // A pair of which only the first column exists has zeros in the second.
      spectral.apply(
        to: spectrum, filter(channel: 2 * pair),
        filter(channel: min(2 * pair + 1, shape.channels - 1)))
      backward.execute(spectrum, into: store[pair])
    }
  }

  private func addBack(worker: Int, unit: Int) {
    guard let input, let output else { return }
    let rows = features.rows[unit]
    features.addBack(
      store, features: matrix(input, batch), rows: rows, into: matrix(output, batch))
    board.add(worker: worker, bytesRead: 0, bytesWritten: 4 * rows.count * shape.channels)
  }

  private var store: ColumnStore { ColumnStore(columns[0], length: shape.queryLength) }

  private func filter(channel: Int) -> SpectralFilter.Column {
    let head = channel / shape.headDim
    return SpectralFilter.Column(
      filter: network.filter(batch: batch, head: head),
      bias: network.bias(batch: batch, head: head))
  }

  private func matrix(_ tensor: Tensor<Float>, _ batch: Int) -> UnsafeMutablePointer<Float> {
    tensor.base + batch * shape.queryLength * shape.channels
  }
}
