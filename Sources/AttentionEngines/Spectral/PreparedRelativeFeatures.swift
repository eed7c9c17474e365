// SPDX-License-Identifier: MIT

import AttentionCore
import CAttentionKernels
import RealModule

/// Positive random features with weights by distance: a convolution per feature and value channel.
///
/// Two value columns share a complex transform, since the kernel is real. The last column is of ones
/// and gives the sums that outputs are divided by.
///
/// A transform that holds the sequence and its kernel is twice as long as the sequence: half of its
/// input is zero, and half of its output is left out. Its even frequencies are those of the sequence
/// itself, its odd ones those of the sequence turned by half a step per token, so two transforms of
/// half the length do, and what they read and write stays in the second cache.
final class PreparedRelativeFeatures: PreparedAttention, @unchecked Sendable {
  private let base: ConvolutionRun
  private let features: Int
  private let forward, backward: FourierPlan
  private let pairs: Int
  /// Complex numbers of a column.
  private let stride: Int
  /// Of every head: even frequencies, then odd ones.
  private let spectra: Workspace
  /// `exp(-i pi t / length)` for every token.
  private let turns: Workspace
  private let steps: UnsafeMutablePointer<attn_row_op_t>
  private let projection: Tensor<Float>
  /// Of every head: features of queries and of keys by column, then sums by column.
  private let columns: Workspace
  private let columnStride: Int
  private var jobs: [WorkerPool.Job] = []

  private(set) var counts = EngineCounts()

  /// - Throws: ``EngineError/libraryFailure(library:call:)`` if FFTW finds no plan.
  init(
    _ stage: LongConvolution, featureDim: Int, shape: AttentionShape, weights: WeightSet,
    context: ExecutionContext
  ) throws(EngineError) {
    features = featureDim
    let length = LongConvolution.foldedLength(shape: shape)
    forward = try FourierPlan(length: length, direction: .forward)
    backward = try FourierPlan(length: length, direction: .backward)
    pairs = (shape.valueDim + 2) / 2
    stride = ColumnStore.stride(length: length)
    spectra = Workspace(bytesPerWorker: 2 * 8 * stride, workers: shape.queryHeads)
    turns = Workspace(bytesPerWorker: 8 * stride, workers: 1)
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
    base = ConvolutionRun(
      stage, shape: shape, context: context, scratchBytes: max(8 * 4 * stride, 4 * rows))
    makeSteps()
    makeJobs()
    makeTurns()
    makeSpectra(weights["bias"])
  }

  deinit {
    steps.deallocate()
  }

  private var shape: AttentionShape { base.shape }
  private var scratch: Workspace { base.scratch }
  private var board: CountBoard { base.board }
  var expectedCounts: EngineCounts? { base.expectedCounts }
  var workspaceBytes: Int {
    scratch.bytes + columns.bytes + spectra.bytes + turns.bytes + projection.byteCount
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

  private enum Frequencies: Int, CaseIterable {
    case even, odd
  }

  /// The spectrum of a head at every other frequency.
  private func spectrum(
    _ head: Int, _ frequencies: Frequencies
  ) -> UnsafeMutablePointer<ComplexPair> {
    spectra[head].assumingMemoryBound(to: ComplexPair.self) + frequencies.rawValue * stride
  }

  private var turn: UnsafeMutablePointer<ComplexPair> {
    turns[0].assumingMemoryBound(to: ComplexPair.self)
  }

  private func makeTurns() {
    for token in 0..<forward.length {
      let angle = -Double.pi * Double(token) / Double(forward.length)
      turn[token] = ComplexPair(Float(Double.cos(angle)), Float(Double.sin(angle)))
    }
  }

  /// Transforms of `exp(b)` by distance, wrapped around twice the length of a transform.
  private func makeSpectra(_ bias: Tensor<Float>) {
    let length = shape.queryLength
    let column = scratch[0].assumingMemoryBound(to: ComplexPair.self)
    let share = 1 / Float(2 * forward.length)
    for head in 0..<shape.queryHeads {
      // Keys before the query, at place `distance`; keys after it wrap around.
      let at = head * (2 * length - 1) + length - 1
      for frequencies in Frequencies.allCases {
        column.update(repeating: .zero, count: forward.length)
        for distance in 0..<length { column[distance].x = Float.exp(bias[at - distance]) * share }
        if !shape.isCausal {
          for distance in 1..<length {
            // Places of the second half are added to those of the first, or taken from them.
            let later = Float.exp(bias[at + distance]) * share
            column[forward.length - distance].x += frequencies == .even ? later : -later
          }
        }
        if frequencies == .odd {
          for token in 0..<forward.length { column[token] = column[token].x * turn[token] }
        }
        forward.execute(column, into: spectrum(head, frequencies))
      }
    }
  }

  func run(_ inputs: AttentionInputs, into output: Tensor<Float>) {
    base.run(jobs, inputs, into: output)
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
      base.kernels.apply(
        steps, 3, rows + first * shape.headDim, shape.headDim, Int32(count), Int64(first),
        memory, rowStride, &between)
      for feature in Swift.stride(from: 0, to: features, by: 16) {
        base.kernels.gather(
          memory + feature, nil, rowStride, Int32(count), Int32(min(16, features - feature)),
          column(head, side * features + feature) + first, columnStride)
      }
    }
    board[worker].pointee.exponentials += UInt64(2 * count * features)
    board.add(worker: worker, bytesRead: 4 * 2 * count * shape.headDim, bytesWritten: 0)
  }

  /// The sums of two value columns over all features.
  private func convolve(worker: Int, head: Int, pair: Int) {
    guard let at = base.head(head) else { return }
    let length = shape.queryLength
    let first = 2 * pair
    for frequencies in Frequencies.allCases {
      let sums = convolve(worker: worker, head: head, value: at.value, first: first, frequencies)
      let left = column(head, 2 * features + first)
      let right = first + 1 <= shape.valueDim ? column(head, 2 * features + first + 1) : nil
      switch frequencies {
      case .even:
        for token in 0..<length {
          left[token] = sums[token].x
          right?[token] = sums[token].y
        }
      case .odd:
        for token in 0..<length {
          // Turned back.
          let (sum, turn) = (sums[token], turn[token])
          left[token] += sum.x * turn.x + sum.y * turn.y
          right?[token] += sum.y * turn.x - sum.x * turn.y
        }
      }
    }
    board.add(
      worker: worker, bytesRead: 4 * length * min(2, shape.valueDim - first), bytesWritten: 0)
  }

  /// The part of these sums that every other frequency gives, not yet turned back.
  private func convolve(
    worker: Int, head: Int, value: UnsafePointer<Float>, first: Int, _ frequencies: Frequencies
  ) -> UnsafeMutablePointer<ComplexPair> {
    let length = shape.queryLength
    let kernels = base.kernels
    let memory = scratch[worker].assumingMemoryBound(to: ComplexPair.self)
    let (values, sums) = (memory, memory + stride)
    let (column, transformed) = (memory + 2 * stride, memory + 3 * stride)
    for token in 0..<length {
      let row = value + token * shape.valueDim
      values[token] = ComplexPair(
        first < shape.valueDim ? row[first] : 1,
        first + 1 < shape.valueDim ? row[first + 1] : first + 1 == shape.valueDim ? 1 : 0)
    }
    if frequencies == .odd { kernels.multiply(values.floats, turn.floats, Int64(length)) }
    sums.update(repeating: .zero, count: length)
    let filter = spectrum(head % shape.queryHeads, frequencies)
    for feature in 0..<features {
      kernels.weigh(
        self.column(head, features + feature), values.floats, Int64(length), column.floats, 0)
      (column + length).update(repeating: .zero, count: forward.length - length)
      forward.execute(column, into: transformed)
      kernels.multiply(transformed.floats, filter.floats, Int64(forward.length))
      backward.execute(transformed, into: column)
      kernels.weigh(self.column(head, feature), column.floats, Int64(length), sums.floats, 1)
    }
    return sums
  }

  private func divide(worker: Int, head: Int) {
    guard let at = base.head(head) else { return }
    let sums = column(head, 2 * features + shape.valueDim)
    for first in Swift.stride(from: 0, to: shape.valueDim, by: 16) {
      base.kernels.scatter(
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
