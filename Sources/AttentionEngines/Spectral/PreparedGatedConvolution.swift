// SPDX-License-Identifier: MIT

import AttentionCore
import CAttentionKernels

/// Gated long convolutions: columns of `k v`, convolved, times `q`.
final class PreparedGatedConvolution: PreparedAttention, @unchecked Sendable {
  /// Columns that are taken apart together.
  private static let group = 16
  private let shape: AttentionShape
  private let context: ExecutionContext
  private let plan: RealFourierPlan
  private let spectra: Tensor<Float>
  private let stride: Int
  private let groups: Int
  private let scratch: Workspace
  private let board: CountBoard
  private var operands: AttendOperands?
  private var jobs: [WorkerPool.Job] = []

  let expectedCounts: EngineCounts?
  private(set) var counts = EngineCounts()

  /// - Throws: ``EngineError/libraryFailure(library:call:)`` if FFTW finds no plan.
  init(
    _ stage: LongConvolution, filter: ImplicitFilter, shape: AttentionShape, weights: WeightSet,
    context: ExecutionContext
  ) throws(EngineError) {
    self.shape = shape
    self.context = context
    let length = LongConvolution.transformLength(shape: shape)
    plan = try RealFourierPlan(length: length)
    stride = RealFourierPlan.stride(length: length)
    groups = (shape.valueDim + Self.group - 1) / Self.group
    spectra = Tensor([shape.queryHeads * shape.valueDim, stride])
    scratch = Workspace(
      bytesPerWorker: 4 * Self.group * stride, workers: context.pool.count)
    board = CountBoard(workers: context.pool.count)
    expectedCounts = stage.expectedCounts(shape: shape)
    let values = LongFilter(shape: shape, filter: filter, weights: weights)
    let hidden = values.hidden()
    spectra.elements.update(repeating: 0)
    for channel in 0..<shape.queryHeads * shape.valueDim {
      let column = spectra.base + channel * stride
      // The inverse transform multiplies by the length.
      values.write(channel: channel, hidden: hidden, into: column, factor: 1 / Float(length))
      plan.transform(column)
    }
    jobs = [
      WorkerPool.Job(units: shape.batch * shape.queryHeads * groups) { [unowned self] in
        convolve(worker: $0, unit: $1)
      }
    ]
  }

  var workspaceBytes: Int { scratch.bytes + spectra.byteCount }

  func run(_ inputs: AttentionInputs, into output: Tensor<Float>) {
    guard case .queryKeyValue(let query, let key, let value) = inputs else {
      preconditionFailure("gated convolutions take query, key and value")
    }
    board.reset()
    operands = AttendOperands(query: query, key: key, value: value, output: output)
    context.pool.run(jobs)
    // Filters are read once for all batches; units do not know of each other.
    board.add(
      worker: 0, bytesRead: 4 * shape.queryHeads * shape.valueDim * (plan.length + 2),
      bytesWritten: 0)
    counts = board.sum
  }

  private func convolve(worker: Int, unit: Int) {
    let (head, group) = unit.quotientAndRemainder(dividingBy: groups)
    guard let at = operands?.head(head, shape: shape) else { return }
    let first = group * Self.group
    let columns = min(Self.group, shape.valueDim - first)
    let length = shape.queryLength
    let memory = scratch[worker].assumingMemoryBound(to: Float.self)
    let kernels = context.kernels.features
    kernels.gather(
      at.key + first, at.value + first, shape.valueDim, Int32(length), Int32(columns), memory,
      stride)
    for column in 0..<columns {
      let place = memory + column * stride
      (place + length).update(repeating: 0, count: plan.length - length)
      plan.transform(place)
      let channel = head % shape.queryHeads * shape.valueDim + first + column
      kernels.multiply(place, spectra.base + channel * stride, Int64(plan.length / 2 + 1))
      plan.restore(place)
    }
    kernels.scatter(
      memory, stride, at.query + first, nil, shape.valueDim, Int32(length), Int32(columns),
      at.output + first)
    board.add(
      worker: worker, bytesRead: 4 * 3 * length * columns, bytesWritten: 4 * length * columns)
  }
}
