// SPDX-License-Identifier: MIT

import AttentionCore
import CAttentionKernels
import RealModule

/// Positive random features with weights by distance: a convolution per feature and value channel.
///
/// Sixteen value channels at a time are weighed by a feature of the keys on their way into the
/// transforms, and added to the sums by the same feature of the queries on their way out. The sums
/// that outputs are divided by take 16 features at a time.
final class PreparedRelativeFeatures: PreparedAttention, @unchecked Sendable {
  private let base: ConvolutionRun
  private let engine: ToeplitzBlocks
  private let filters: ToeplitzFilters
  private let features: Int
  private let steps: UnsafeMutablePointer<attn_row_op_t>
  private let projection: Tensor<Float>
  /// Of every head: features of queries and of keys by column, then the sums of weights.
  private let columns: Workspace
  private let groups: Int
  private var jobs: [WorkerPool.Job] = []

  private(set) var counts = EngineCounts()

  init(
    _ stage: LongConvolution, featureDim: Int, shape: AttentionShape, weights: WeightSet,
    context: ExecutionContext
  ) {
    features = featureDim
    let blocks = LongConvolution.blocks(shape: shape)
    engine = ToeplitzBlocks(blocks, kernels: context.kernels.convolve)
    groups = LongConvolution.paddedColumns(shape.valueDim) / ToeplitzBlocks.columns
    filters = ToeplitzFilters(
      engine, units: shape.queryHeads, isCausal: shape.isCausal, isShared: true)
    projection = Tensor([attn_row_matrix_floats(Int32(shape.headDim), Int32(featureDim))])
    attn_row_pack(
      weights["projection"].base, Int32(shape.headDim), Int32(featureDim), projection.base)
    steps = .allocate(capacity: 3)
    steps.initialize(repeating: attn_row_op_t(), count: 3)
    columns = Workspace(
      bytesPerWorker: 4 * blocks.tokens * (2 * featureDim + 1),
      workers: shape.batch * shape.queryHeads)
    let rows = 3 * Int(ATTN_ROW_BLOCK) * RowPrograms.stride(max(featureDim, shape.headDim))
    base = ConvolutionRun(
      stage, shape: shape, context: context,
      scratchBytes: 4 * max(Self.scratchFloats(blocks), rows))
    makeSteps()
    makeJobs()
    makeFilters(weights["bias"])
    clearColumns()
  }

  deinit {
    steps.deallocate()
  }

  /// Values and sums of 16 columns, and spectra.
  static func scratchFloats(_ blocks: LongConvolution.Blocks) -> Int {
    2 * ToeplitzBlocks.tokenFloats(blocks, columns: ToeplitzBlocks.columns)
      + ToeplitzBlocks.spectraFloats(blocks)
  }

  private var shape: AttentionShape { base.shape }
  private var scratch: Workspace { base.scratch }
  private var board: CountBoard { base.board }
  var expectedCounts: EngineCounts? { base.expectedCounts }
  var workspaceBytes: Int {
    scratch.bytes + columns.bytes + filters.bytes + projection.byteCount
      + ToeplitzBlocks.turnBytes(engine.blocks)
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

  private func makeFilters(_ bias: Tensor<Float>) {
    let length = shape.queryLength
    for head in 0..<shape.queryHeads {
      let at = head * (2 * length - 1) + length - 1
      filters.set(head, length: length) { _, distance in Float.exp(bias[at - distance]) }
    }
  }

  /// Tokens that fill up the last block have weight zero, in every run.
  private func clearColumns() {
    for head in 0..<columns.workers {
      for index in 0..<2 * features {
        (column(head, index) + shape.queryLength).update(
          repeating: 0, count: engine.blocks.tokens - shape.queryLength)
      }
    }
  }

  func run(_ inputs: AttentionInputs, into output: Tensor<Float>) {
    base.begin(inputs, into: output)
    base.context.pool.run(jobs)
    counts = board.sum
  }

  private func makeJobs() {
    let heads = shape.batch * shape.queryHeads
    let blocks = (shape.queryLength + Int(ATTN_ROW_BLOCK) - 1) / Int(ATTN_ROW_BLOCK)
    jobs = [
      WorkerPool.Job(units: heads * blocks) { [unowned self] worker, unit in
        map(worker: worker, head: unit / blocks, block: unit % blocks)
      },
      WorkerPool.Job(units: heads) { [unowned self] in sum(worker: $0, head: $1) },
      WorkerPool.Job(units: heads * groups) { [unowned self] worker, unit in
        convolve(worker: worker, head: unit / groups, group: unit % groups)
      },
    ]
  }

  private func column(_ head: Int, _ index: Int) -> UnsafeMutablePointer<Float> {
    columns[head].assumingMemoryBound(to: Float.self) + index * engine.blocks.tokens
  }

  /// Features of a block of queries and keys, by column.
  private func map(worker: Int, head: Int, block: Int) {
    guard let at = base.head(head) else { return }
    let first = block * Int(ATTN_ROW_BLOCK)
    let count = min(Int(ATTN_ROW_BLOCK), shape.queryLength - first)
    let rowStride = RowPrograms.stride(max(features, shape.headDim))
    let memory = scratch[worker].assumingMemoryBound(to: Float.self)
    var between = attn_row_scratch_t()
    between.first = memory + Int(ATTN_ROW_BLOCK) * rowStride
    between.second = between.first + Int(ATTN_ROW_BLOCK) * rowStride
    between.stride = rowStride
    for (side, rows) in [(0, at.query), (1, at.key)] {
      base.featureKernels.apply(
        steps, 3, rows + first * shape.headDim, shape.headDim, Int32(count), Int64(first),
        memory, rowStride, &between)
      for feature in Swift.stride(from: 0, to: features, by: 16) {
        base.featureKernels.gather(
          memory + feature, nil, rowStride, Int32(count), Int32(min(16, features - feature)),
          column(head, side * features + feature) + first, engine.blocks.tokens)
      }
    }
    board[worker].pointee.exponentials += UInt64(2 * count * features)
    board.add(worker: worker, bytesRead: 4 * 2 * count * shape.headDim, bytesWritten: 0)
  }

  /// What a worker holds of 16 columns.
  private struct Scratch {
    let tokens, results, spectra: UnsafeMutablePointer<Float>
  }

  private func scratch(_ worker: Int) -> Scratch {
    let tokens = scratch[worker].assumingMemoryBound(to: Float.self)
    let count = ToeplitzBlocks.tokenFloats(engine.blocks, columns: ToeplitzBlocks.columns)
    return Scratch(tokens: tokens, results: tokens + count, spectra: tokens + 2 * count)
  }

  /// The sums of weights of every token: values of one, 16 features at a time.
  private func sum(worker: Int, head: Int) {
    let length = shape.queryLength
    let lanes = ToeplitzBlocks.columns
    let memory = scratch(worker)
    let sums = column(head, 2 * features)
    sums.update(repeating: 0, count: length)
    for feature in stride(from: 0, to: features, by: lanes) {
      let count = min(lanes, features - feature)
      let keys = rows(column(head, features + feature), count, into: memory.results)
      take(keys, into: memory.tokens)
      engine.convolve(
        memory.tokens, filter: filters[head % shape.queryHeads], spectra: memory.spectra,
        result: memory.results)
      let queries = rows(column(head, feature), count, into: memory.tokens)
      let products = attn_convolve_rows_t(
        memory.spectra, stride: lanes, rows: length, columns: lanes)
      for block in 0..<engine.blocks.count {
        engine.give(memory.results, gate: queries.values, block: block, to: products)
      }
      for token in 0..<length {
        let row = UnsafeRawPointer(memory.spectra + token * lanes)
        sums[token] += row.load(as: SIMD16<Float>.self).sum()
      }
    }
  }

  /// Some columns as rows of 16, zeros beyond them.
  private func rows(
    _ column: UnsafePointer<Float>, _ count: Int, into rows: UnsafeMutablePointer<Float>
  ) -> attn_convolve_rows_t {
    let lanes = ToeplitzBlocks.columns
    let length = shape.queryLength
    if count < lanes { rows.update(repeating: 0, count: length * lanes) }
    base.featureKernels.scatter(
      column, engine.blocks.tokens, nil, nil, lanes, Int32(length), Int32(count), rows)
    return attn_convolve_rows_t(rows, stride: lanes, rows: length, columns: lanes)
  }

  private func take(_ rows: attn_convolve_rows_t, into tokens: UnsafeMutablePointer<Float>) {
    for block in 0..<engine.blocks.count {
      engine.take(rows, gate: nil, block: block, into: tokens)
    }
  }

  private func channels(_ values: UnsafePointer<Float>, _ count: Int) -> attn_convolve_rows_t {
    attn_convolve_rows_t(
      values, stride: shape.valueDim, rows: shape.queryLength, columns: count)
  }

  /// Outputs of 16 value channels.
  private func convolve(worker: Int, head: Int, group: Int) {
    guard let at = base.head(head) else { return }
    let first = group * ToeplitzBlocks.columns
    let count = min(ToeplitzBlocks.columns, shape.valueDim - first)
    let memory = scratch(worker)
    take(channels(at.value + first, count), into: memory.tokens)
    memory.results.update(
      repeating: 0,
      count: ToeplitzBlocks.tokenFloats(engine.blocks, columns: ToeplitzBlocks.columns))
    for feature in 0..<features {
      engine.convolve(
        memory.tokens,
        weights: .init(
          inputs: column(head, features + feature), results: column(head, feature)),
        filter: filters[head % shape.queryHeads], spectra: memory.spectra, result: memory.results)
    }
    for block in 0..<engine.blocks.count {
      engine.give(
        memory.results, sums: column(head, 2 * features), block: block,
        to: channels(at.output + first, count))
    }
    let bytes = 4 * shape.queryLength * count
    board.add(worker: worker, bytesRead: bytes, bytesWritten: bytes)
  }
}
