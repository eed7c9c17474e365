// SPDX-License-Identifier: MIT

import AttentionCore
import CAttentionKernels

/// Gated long convolutions: columns of `k v`, convolved, times `q`.
final class PreparedGatedConvolution: PreparedAttention, @unchecked Sendable {
  /// Columns that are taken apart together.
  private static let group = 16
  private let base: ConvolutionRun
  private let plan: RealFourierPlan
  private let spectra: Tensor<Float>
  /// Floats from one spectrum to the next.
  private let stride: Int
  /// Floats from one column of a group to the next.
  private let columnStride: Int
  private let groups: Int
  private var jobs: [WorkerPool.Job] = []

  private(set) var counts = EngineCounts()

  /// - Throws: ``EngineError/libraryFailure(library:call:)`` if FFTW finds no plan.
  init(
    _ stage: LongConvolution, filter: ImplicitFilter, shape: AttentionShape, weights: WeightSet,
    context: ExecutionContext
  ) throws(EngineError) {
    let length = LongConvolution.transformLength(shape: shape)
    plan = try RealFourierPlan(length: length)
    stride = RealFourierPlan.stride(length: length)
    columnStride = RealFourierPlan.stride(length: shape.queryLength)
    groups = (shape.valueDim + Self.group - 1) / Self.group
    spectra = Tensor([shape.queryHeads * shape.valueDim, stride])
    base = ConvolutionRun(
      stage, shape: shape, context: context, scratchBytes: 4 * (Self.group * columnStride + stride))
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

  private var shape: AttentionShape { base.shape }
  private var scratch: Workspace { base.scratch }
  private var board: CountBoard { base.board }
  var expectedCounts: EngineCounts? { base.expectedCounts }
  var workspaceBytes: Int { scratch.bytes + spectra.byteCount }

  func run(_ inputs: AttentionInputs, into output: Tensor<Float>) {
    base.run(jobs, inputs, into: output)
    // Filters are read once for all batches; units do not know of each other.
    board.add(
      worker: 0, bytesRead: 4 * shape.queryHeads * shape.valueDim * (plan.length + 2),
      bytesWritten: 0)
    counts = board.sum
  }

  private func convolve(worker: Int, unit: Int) {
    let (head, group) = unit.quotientAndRemainder(dividingBy: groups)
    guard let at = base.head(head) else { return }
    let first = group * Self.group
    let columns = min(Self.group, shape.valueDim - first)
    let length = shape.queryLength
    let memory = scratch[worker].assumingMemoryBound(to: Float.self)
    let kernels = base.kernels
    kernels.gather(
      at.key + first, at.value + first, shape.valueDim, Int32(length), Int32(columns), memory,
      columnStride)
    // Transforms of one place stay in the second cache, which columns of twice the length do not.
    let work = memory + Self.group * columnStride
    for column in 0..<columns {
      let place = memory + column * columnStride
      work.update(from: place, count: length)
      (work + length).update(repeating: 0, count: plan.length - length)
      plan.transform(work)
      let channel = head % shape.queryHeads * shape.valueDim + first + column
      kernels.multiply(work, spectra.base + channel * stride, Int64(plan.length / 2 + 1))
      plan.restore(work)
      place.update(from: work, count: length)
    }
    kernels.scatter(
      memory, columnStride, at.query + first, nil, shape.valueDim, Int32(length), Int32(columns),
      at.output + first)
    board.add(
      worker: worker, bytesRead: 4 * 3 * length * columns, bytesWritten: 4 * length * columns)
  }
}
