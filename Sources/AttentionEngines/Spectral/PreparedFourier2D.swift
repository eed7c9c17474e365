// SPDX-License-Identifier: MIT

import AttentionCore

/// The real part of the two-dimensional Fourier transform of `[sequence, channels]`.
///
/// `Re F(x) = F(e)` with the even part `e[t, c] = (x[t, c] + x[-t, -c]) / 2`. `e` and `F(e)` are
/// real and even, so transforming columns `0 ... channels / 2` over the tokens and then rows
/// `0 ... sequence / 2` over the channels gives everything. Two real columns share one complex
/// transform, and so do two rows with real results.
///
/// Batches follow each other, so that what lies between two transforms stays in cache.
final class PreparedFourier2D: PreparedAttention, @unchecked Sendable {
  private let shape: AttentionShape
  private let context: ExecutionContext
  private let columnPlan: FourierPlan
  private let rowPlan: FourierPlan
  private let columns: EvenColumns
  private let rows: EvenRows
  /// The folded columns of one batch.
  private let folded: Workspace
  /// `[sequence / 2 + 1, stride]` complex: columns transformed, rows not yet.
  private let half: Workspace
  private let scratch: Workspace
  private let board: CountBoard
  private var input: UnsafeMutablePointer<Float>?
  private var output: UnsafeMutablePointer<Float>?
  private var foldBody: WorkerPool.UnitBody?
  private var columnBody: WorkerPool.UnitBody?
  private var rowBody: WorkerPool.UnitBody?

  let expectedCounts: EngineCounts?
  private(set) var counts = EngineCounts()

  init(_ stage: TokenMix, shape: AttentionShape, context: ExecutionContext) throws(EngineError) {
    let length = shape.queryLength
    self.shape = shape
    self.context = context
    columnPlan = try FourierPlan(length: length, direction: .forward)
    rowPlan = try FourierPlan(length: shape.channels, direction: .forward)
    columns = EvenColumns(length: length, channels: shape.channels)
    rows = EvenRows(length: length, channels: shape.channels, stride: columns.halfStride)
    folded = Workspace(
      bytesPerWorker: ColumnStore.bytes(pairs: columns.pairs, length: length), workers: 1)
    half = Workspace(bytesPerWorker: rows.halfBytes, workers: 1)
    // A row past an odd number of rows is read as zeros and never written.
    half[0].initializeMemory(as: UInt8.self, repeating: 0, count: rows.halfBytes)
    scratch = Workspace(
      bytesPerWorker: max(
        ColumnStore.bytes(pairs: columns.columns.size, length: length), rows.scratchBytes),
      workers: context.pool.count)
    board = CountBoard(workers: context.pool.count)
    expectedCounts = stage.expectedCounts(shape: shape)
    foldBody = { [unowned self] worker, unit in fold(worker: worker, unit: unit) }
    columnBody = { [unowned self] worker, unit in transformColumns(worker: worker, unit: unit) }
    rowBody = { [unowned self] worker, unit in transformRows(worker: worker, unit: unit) }
  }

  var workspaceBytes: Int { folded.bytes + half.bytes + scratch.bytes }

  func run(_ inputs: AttentionInputs, into output: Tensor<Float>) {
    guard case .tokens(let features) = inputs, let foldBody, let columnBody, let rowBody else {
      preconditionFailure("the Fourier mixer takes token features")
    }
    board.reset()
    for batch in 0..<shape.batch {
      let offset = batch * shape.queryLength * shape.channels
      input = features.base + offset
      self.output = output.base + offset
      context.pool.run(units: columns.folds.units, foldBody)
      context.pool.run(units: columns.columns.units, columnBody)
      context.pool.run(units: rows.couples.units, rowBody)
    }
    counts = board.sum
  }

  private func fold(worker: Int, unit: Int) {
    guard let input else { return }
    let count = columns.fold(input, rows: columns.folds[unit], into: foldedColumns)
    board.add(worker: worker, bytesRead: 4 * count * shape.channels, bytesWritten: 0)
  }

  private func transformColumns(worker: Int, unit: Int) {
    let pairs = columns.columns[unit]
    let source = foldedColumns
    let spectra = ColumnStore(scratch[worker], length: shape.queryLength)
    for pair in pairs {
      columnPlan.execute(source[pair], into: spectra[pair - pairs.lowerBound])
    }
    columns.scatter(spectra, pairs: pairs, into: halfSpectrum)
  }

  private func transformRows(worker: Int, unit: Int) {
    guard let output else { return }
    let count = rows.transform(
      halfSpectrum, couples: rows.couples[unit], plan: rowPlan, scratch: scratch[worker],
      output: output)
    board.add(worker: worker, bytesRead: 0, bytesWritten: 4 * count * shape.channels)
  }

  private var foldedColumns: ColumnStore { ColumnStore(folded[0], length: shape.queryLength) }

  private var halfSpectrum: UnsafeMutablePointer<ComplexPair> {
    half[0].assumingMemoryBound(to: ComplexPair.self)
  }
}
