// SPDX-License-Identifier: MIT

import AttentionCore
import CFFTW

/// The transforms that the Fourier mixer cannot do without, by FFTW alone: what its time is held
/// against.
///
/// Of the ways to give real input to FFTW none is cheaper: real transforms of all rows, then complex
/// ones of the columns of half the spectrum, in place. The real part is not taken, the other half
/// not filled in, and the data stay in FFTW's own order. Plans are measured.
public final class BareTransforms: @unchecked Sendable {
  /// Name of the timed alternative.
  public static let name = "bare transforms"

  private let pool: WorkerPool
  private let input: Workspace
  private let spectrum: Workspace
  private let batches: Int
  /// One per worker and batch: rows first, then columns.
  private let rowPlans, columnPlans: [TransformBatch]
  private var rowBody: WorkerPool.UnitBody?
  private var columnBody: WorkerPool.UnitBody?

  /// - Throws: ``EngineError/libraryFailure(library:call:)`` if FFTW finds no plan.
  init(shape: AttentionShape, context: ExecutionContext) throws(EngineError) {
    let (rows, channels) = (shape.queryLength, shape.channels)
    let bins = channels / 2 + 1
    // Rows of the half spectrum begin on cache lines.
    let stride = (bins + 7) / 8 * 8
    pool = context.pool
    batches = shape.batch
    input = Workspace(bytesPerWorker: 4 * rows * channels, workers: batches)
    spectrum = Workspace(bytesPerWorker: 8 * rows * stride, workers: batches)
    var rowPlans: [TransformBatch] = []
    var columnPlans: [TransformBatch] = []
    for batch in 0..<shape.batch {
      let values = input[batch].assumingMemoryBound(to: Float.self)
      let complex = spectrum[batch].assumingMemoryBound(to: fftwf_complex.self)
      for part in Self.parts(of: rows, workers: pool.count) {
        rowPlans.append(
          try .realRows(
            length: channels, count: part.count, input: values + part.lowerBound * channels,
            output: complex + part.lowerBound * stride, stride: stride))
      }
      for part in Self.parts(of: bins, workers: pool.count) {
        columnPlans.append(
          try .columns(
            length: rows, count: part.count, values: complex + part.lowerBound, stride: stride))
      }
      // Measuring the plans left anything there.
      for index in 0..<rows * channels { values[index] = Float(index % 61) - 30 }
    }
    self.rowPlans = rowPlans
    self.columnPlans = columnPlans
    rowBody = { [unowned self] _, unit in self.rowPlans[unit].execute() }
    columnBody = { [unowned self] _, unit in self.columnPlans[unit].execute() }
  }

  /// Transforms every batch once.
  public func run() {
    guard let rowBody, let columnBody else { return }
    pool.run(units: rowPlans.count, rowBody)
    pool.run(units: columnPlans.count, columnBody)
  }

  private static func parts(of count: Int, workers: Int) -> [Range<Int>] {
    let length = (count + workers - 1) / workers
    return stride(from: 0, to: count, by: length).map { $0..<min($0 + length, count) }
  }
}

/// One plan of FFTW for several transforms between fixed places.
private struct TransformBatch: @unchecked Sendable {
  private let owner: PlanOwner

  private final class PlanOwner: @unchecked Sendable {
    let plan: fftwf_plan
    init(_ plan: fftwf_plan) { self.plan = plan }
    deinit { FourierPlan.planning { fftwf_destroy_plan(plan) } }
  }

  func execute() { fftwf_execute(owner.plan) }

  static func realRows(
    length: Int, count: Int, input: UnsafeMutablePointer<Float>,
    output: UnsafeMutablePointer<fftwf_complex>, stride: Int
  ) throws(EngineError) -> TransformBatch {
    try make("fftwf_plan_many_dft_r2c") {
      var length = Int32(length)
      return fftwf_plan_many_dft_r2c(
        1, &length, Int32(count), input, nil, 1, length, output, nil, 1, Int32(stride),
        FFTW_MEASURE)
    }
  }

  static func columns(
    length: Int, count: Int, values: UnsafeMutablePointer<fftwf_complex>, stride: Int
  ) throws(EngineError) -> TransformBatch {
    try make("fftwf_plan_many_dft") {
      var length = Int32(length)
      return fftwf_plan_many_dft(
        1, &length, Int32(count), values, nil, Int32(stride), 1, values, nil, Int32(stride), 1,
        FFTW_FORWARD, FFTW_MEASURE)
    }
  }

  private static func make(
    _ call: String, _ plan: () -> fftwf_plan?
  ) throws(EngineError) -> TransformBatch {
    var made: fftwf_plan?
    FourierPlan.planning { made = plan() }
    guard let made else { throw .libraryFailure(library: "FFTW", call: call) }
    return TransformBatch(owner: PlanOwner(made))
  }
}
