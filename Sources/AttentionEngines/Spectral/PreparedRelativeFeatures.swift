// SPDX-License-Identifier: MIT

import AttentionCore
import CAttentionKernels
import RealModule

/// Positive random features with weights by distance: a convolution per feature and value channel.
///
/// Two value columns share a complex transform, since the kernel is real. The last column is of ones
/// and gives the sums that outputs are divided by.
final class PreparedRelativeFeatures: PreparedAttention, @unchecked Sendable {
  private let shape: AttentionShape
  private let context: ExecutionContext
  private let features: Int
  private let forward, backward: FourierPlan
  private let pairs: Int
  /// Complex numbers of a column.
  private let stride: Int
  private let spectra: Workspace
  private let steps: UnsafeMutablePointer<attn_row_op_t>
  private let projection: Tensor<Float>
  /// Of every head: features of queries and of keys by column, then sums by column.
  private let columns: Workspace
  private let columnStride: Int
  private let scratch: Workspace
  private let board: CountBoard
  private var operands: AttendOperands?
  private var jobs: [WorkerPool.Job] = []

  let expectedCounts: EngineCounts?
  private(set) var counts = EngineCounts()

  /// - Throws: ``EngineError/libraryFailure(library:call:)`` if FFTW finds no plan.
  init(
    _ stage: LongConvolution, featureDim: Int, shape: AttentionShape, weights: WeightSet,
    context: ExecutionContext
  ) throws(EngineError) {
    self.shape = shape
    self.context = context
    features = featureDim
    let length = LongConvolution.transformLength(shape: shape)
    forward = try FourierPlan(length: length, direction: .forward)
    backward = try FourierPlan(length: length, direction: .backward)
    pairs = (shape.valueDim + 2) / 2
    stride = ColumnStore.stride(length: length)
    spectra = Workspace(bytesPerWorker: 8 * stride, workers: shape.queryHeads)
    projection = Tensor([attn_row_matrix_floats(Int32(shape.headDim), Int32(featureDim))])
    attn_row_pack(
      weights["projection"].base, Int32(shape.headDim), Int32(featureDim), projection.base)
    steps = .allocate(capacity: 3)
    steps.initialize(repeating: attn_row_op_t(), count: 3)
    columnStride = (shape.queryLength + 15) & ~15
    columns = Workspace(
      bytesPerWorker: 4 * columnStride * (2 * featureDim + shape.valueDim + 1),
      workers: shape.batch * shape.queryHeads)
    let rows = 3 * Int(ATTN_ROW_BLOCK) * RowPrograms.stride(max(featureDim, shape.headDim))
    scratch = Workspace(
      bytesPerWorker: max(8 * 4 * stride, 4 * rows), workers: context.pool.count)
    board = CountBoard(workers: context.pool.count)
    expectedCounts = stage.expectedCounts(shape: shape)
    makeSteps()
    makeJobs()
    makeSpectra(weights["bias"])
  }

  deinit {
    steps.deallocate()
  }

  var workspaceBytes: Int {
    scratch.bytes + columns.bytes + spectra.bytes + projection.byteCount
  }

  /// Unit rows, projected, exponentials: every constant cancels.
  private func makeSteps() {
    for index in 0..<3 {
      steps[index].width = Int32(index == 2 ? features : shape.headDim)
      steps[index].width_out = Int32(index == 0 ? shape.headDim : features)
    }
    steps[0].kind = ATTN_ROW_UNIT
    steps[0].a = 1e-12
    steps[1].kind = ATTN_ROW_PROJECT
    steps[1].p = UnsafePointer(projection.base)
    steps[2].kind = ATTN_ROW_EXP
    steps[2].a = 1
    steps[2].b = 0.5
  }

  /// Transforms of `exp(b)` by distance, wrapped around.
  private func makeSpectra(_ bias: Tensor<Float>) {
    let length = shape.queryLength
    let column = scratch[0].assumingMemoryBound(to: ComplexPair.self)
    for head in 0..<shape.queryHeads {
      column.update(repeating: .zero, count: forward.length)
      for distance in 0..<length {
        // Keys before the query, at place `distance`; keys after it wrap around.
        let at = head * (2 * length - 1) + length - 1
        column[distance].x = Float.exp(bias[at - distance]) / Float(forward.length)
        if distance > 0, !shape.isCausal {
          column[forward.length - distance].x =
            Float.exp(bias[at + distance]) / Float(forward.length)
        }
      }
      forward.execute(column, into: spectra[head].assumingMemoryBound(to: ComplexPair.self))
    }
  }

  func run(_ inputs: AttentionInputs, into output: Tensor<Float>) {
    guard case .queryKeyValue(let query, let key, let value) = inputs else {
      preconditionFailure("relative features take query, key and value")
    }
    board.reset()
    operands = AttendOperands(query: query, key: key, value: value, output: output)
    context.pool.run(jobs)
    counts = board.sum
  }

  private func makeJobs() {
    let heads = shape.batch * shape.queryHeads
    let blocks = (shape.queryLength + Int(ATTN_ROW_BLOCK) - 1) / Int(ATTN_ROW_BLOCK)
    jobs = [
      WorkerPool.Job(units: heads * blocks) { [unowned self] worker, unit in
        map(worker: worker, head: unit / blocks, block: unit % blocks)
      },
      WorkerPool.Job(units: heads * pairs) { [unowned self] worker, unit in
        convolve(worker: worker, head: unit / pairs, pair: unit % pairs)
      },
      WorkerPool.Job(units: heads) { [unowned self] in divide(worker: $0, head: $1) },
    ]
  }

  private func column(_ head: Int, _ index: Int) -> UnsafeMutablePointer<Float> {
    columns[head].assumingMemoryBound(to: Float.self) + index * columnStride
  }

  /// Features of a block of queries and keys, by column.
  private func map(worker: Int, head: Int, block: Int) {
    guard let at = operands?.head(head, shape: shape) else { return }
    let first = block * Int(ATTN_ROW_BLOCK)
    let count = min(Int(ATTN_ROW_BLOCK), shape.queryLength - first)
    let rowStride = RowPrograms.stride(max(features, shape.headDim))
    let memory = scratch[worker].assumingMemoryBound(to: Float.self)
    var between = attn_row_scratch_t()
    between.first = memory + Int(ATTN_ROW_BLOCK) * rowStride
    between.second = between.first + Int(ATTN_ROW_BLOCK) * rowStride
    between.stride = rowStride
    for (side, rows) in [(0, at.query), (1, at.key)] {
      context.kernels.features.apply(
        steps, 3, rows + first * shape.headDim, shape.headDim, Int32(count), Int64(first),
        memory, rowStride, &between)
      for feature in Swift.stride(from: 0, to: features, by: 16) {
        context.kernels.features.gather(
          memory + feature, nil, rowStride, Int32(count), Int32(min(16, features - feature)),
          column(head, side * features + feature) + first, columnStride)
      }
    }
    board[worker].pointee.exponentials += UInt64(2 * count * features)
    board.add(worker: worker, bytesRead: 4 * 2 * count * shape.headDim, bytesWritten: 0)
  }

  /// The sums of two value columns over all features.
  private func convolve(worker: Int, head: Int, pair: Int) {
    guard let at = operands?.head(head, shape: shape) else { return }
    let length = shape.queryLength
    let kernels = context.kernels.features
    let memory = scratch[worker].assumingMemoryBound(to: ComplexPair.self)
    let (values, sums) = (memory, memory + stride)
    let (column, spectrum) = (memory + 2 * stride, memory + 3 * stride)
    let first = 2 * pair
    for token in 0..<length {
      let row = at.value + token * shape.valueDim
      values[token] = ComplexPair(
        first < shape.valueDim ? row[first] : 1,
        first + 1 < shape.valueDim ? row[first + 1] : first + 1 == shape.valueDim ? 1 : 0)
    }
    sums.update(repeating: .zero, count: length)
    let filter = UnsafeRawPointer(spectra[head % shape.queryHeads]).assumingMemoryBound(
      to: Float.self)
    for feature in 0..<features {
      kernels.weigh(
        self.column(head, features + feature), values.floats, Int64(length), column.floats, 0)
      (column + length).update(repeating: .zero, count: forward.length - length)
      forward.execute(column, into: spectrum)
      kernels.multiply(spectrum.floats, filter, Int64(forward.length))
      backward.execute(spectrum, into: column)
      kernels.weigh(self.column(head, feature), column.floats, Int64(length), sums.floats, 1)
    }
    let left = self.column(head, 2 * features + first)
    for token in 0..<length { left[token] = sums[token].x }
    board.add(
      worker: worker, bytesRead: 4 * length * min(2, shape.valueDim - first), bytesWritten: 0)
    guard first + 1 <= shape.valueDim else { return }
    let right = self.column(head, 2 * features + first + 1)
    for token in 0..<length { right[token] = sums[token].y }
  }

  private func divide(worker: Int, head: Int) {
    guard let at = operands?.head(head, shape: shape) else { return }
    let sums = column(head, 2 * features + shape.valueDim)
    for first in Swift.stride(from: 0, to: shape.valueDim, by: 16) {
      context.kernels.features.scatter(
        column(head, 2 * features + first), columnStride, nil, sums, shape.valueDim,
        Int32(shape.queryLength), Int32(min(16, shape.valueDim - first)), at.output + first)
    }
    board.add(
      worker: worker, bytesRead: 0, bytesWritten: 4 * shape.queryLength * shape.valueDim)
  }
}

extension UnsafeMutablePointer<ComplexPair> {
  /// Real and imaginary parts in turn.
  fileprivate var floats: UnsafeMutablePointer<Float> {
    UnsafeMutableRawPointer(self).assumingMemoryBound(to: Float.self)
  }
}
