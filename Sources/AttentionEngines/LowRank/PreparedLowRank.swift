// SPDX-License-Identifier: MIT

import AttentionCore
import CAttentionKernels
import COpenBLAS

/// The engine of landmarks: per head the landmarks, the inverse among them and what it makes of the
/// values, then blocks of queries against the landmarks.
final class PreparedLowRank: PreparedAttention, @unchecked Sendable {
  private static let queryBlock = 256
  private let stage: LowRank
  private let shape: AttentionShape
  private let context: ExecutionContext
  private let landmarks: Int
  private let inverse: IteratedInverse
  private let local: LocalTerm?
  private let scratch: Workspace
  /// Of every head: landmarks of keys `[landmarks, headDim]`, then their values.
  private let summaries: Workspace
  private let pool: WindowPool?
  private let board: CountBoard
  private var operands: AttendOperands?
  private var jobs: [WorkerPool.Job] = []

  let expectedCounts: EngineCounts?
  private(set) var counts = EngineCounts()

  init(
    _ stage: LowRank, shape: AttentionShape, weights: WeightSet, context: ExecutionContext
  ) {
    self.stage = stage
    self.shape = shape
    self.context = context
    let landmarks = stage.landmarks(shape: shape)
    self.landmarks = landmarks
    inverse = IteratedInverse(size: landmarks, iterations: stage.iterations)
    local = stage.local.map {
      LocalTerm($0, shape: shape, weights: weights, kernels: context.kernels.features)
    }
    if case .gaussianOfWindows(let ratio, _) = stage.kernel {
      pool = WindowPool(
        LandmarkWindows(shape: shape, ratio: ratio), shape: shape, weights: weights,
        kernels: context.kernels.features)
    } else {
      pool = nil
    }
    let block = max(min(landmarks, 64) * (shape.keyLength + 1) + 2 * shape.keyLength, 0)
    let flat = (Self.queryBlock + 2) * (landmarks + 1) + 2 * Self.queryBlock
    let dims = landmarks * (2 * shape.headDim + shape.valueDim)
    scratch = Workspace(
      bytesPerWorker: 4
        * (5 * landmarks * landmarks + dims + max(pool == nil ? block : 0, flat)
          + (pool?.scratchCount ?? 0) + 3 * landmarks),
      workers: context.pool.count)
    summaries = Workspace(
      bytesPerWorker: 4 * landmarks * (shape.headDim + shape.valueDim + 1),
      workers: shape.batch * shape.queryHeads)
    board = CountBoard(workers: context.pool.count)
    expectedCounts = stage.expectedCounts(shape: shape)
    makeJobs()
  }

  var workspaceBytes: Int {
    scratch.bytes + summaries.bytes + (local?.bytes ?? 0) + (pool?.bytes ?? 0)
  }

  func run(_ inputs: AttentionInputs, into output: Tensor<Float>) {
    guard case .queryKeyValue(let query, let key, let value) = inputs else {
      preconditionFailure("landmarks take query, key and value")
    }
    board.reset()
    operands = AttendOperands(query: query, key: key, value: value, output: output)
    BLASIdentity.useOneThreadPerProduct()
    context.pool.run(jobs)
    counts = board.sum
  }

  private func makeJobs() {
    let heads = shape.batch * shape.queryHeads
    let blocks = (shape.queryLength + Self.queryBlock - 1) / Self.queryBlock
    jobs = [
      WorkerPool.Job(units: heads) { [unowned self] in summarise(worker: $0, head: $1) },
      WorkerPool.Job(units: heads * blocks) { [unowned self] worker, unit in
        read(worker: worker, head: unit / blocks, block: unit % blocks)
      },
    ]
  }

  // MARK: - Landmarks

  private func summarise(worker: Int, head: Int) {
    guard let at = operands?.head(head, shape: shape) else { return }
    let (m, d, e) = (landmarks, shape.headDim, shape.valueDim)
    let memory = scratch[worker].assumingMemoryBound(to: Float.self)
    let (kernel, inverted) = (memory, memory + m * m)
    let queries = memory + 5 * m * m
    let mixed = queries + m * d
    let rest = mixed + m * e
    let keys = summaries[head].assumingMemoryBound(to: Float.self)
    let values = keys + m * d
    switch stage.kernel {
    case .softmaxOfMeans:
      means(at.query, shape.queryLength, into: queries)
      means(at.key, shape.keyLength, into: keys)
      softmax(queries, keys, into: kernel)
      inverse.ofStochastic(kernel, into: inverted, scratch: memory + 2 * m * m)
      attend(queries, at, into: mixed, scores: rest)
      count(worker: worker, exponentials: m * m + m * shape.keyLength)
      board.add(
        worker: worker,
        bytesRead: 4 * (shape.queryLength * d + shape.keyLength * (2 * d + e)), bytesWritten: 0)
    case .gaussianOfWindows(_, let ridge):
      guard let pool else { return }
      pool.landmarks(at.query, into: keys, scratch: rest)
      let norms = values + m * e
      halfNorms(keys, m, scale: 1, into: norms)
      scores(keys, m, keys, scale: 1, into: kernel)
      context.kernels.features.gaussians(kernel, m, Int32(m), Int32(m), norms, norms)
      invert(kernel, ridge: Float(ridge), into: inverted, scratch: memory + 2 * m * m)
      gather(at, keys, norms, into: mixed, scores: rest)
      count(worker: worker, exponentials: m * d + m * m + m * shape.queryLength)
      board.add(
        worker: worker,
        bytesRead: 4 * (pool.tokens * d + shape.queryLength * (d + e)), bytesWritten: 0)
    }
    cblas_sgemm(
      CblasRowMajor, CblasNoTrans, CblasNoTrans, Int32(m), Int32(e), Int32(m), 1, inverted,
      Int32(m), mixed, Int32(e), 0, values, Int32(e))
  }

  /// Means of nearly equal segments.
  private func means(
    _ rows: UnsafePointer<Float>, _ count: Int, into result: UnsafeMutablePointer<Float>
  ) {
    let width = shape.headDim
    result.update(repeating: 0, count: landmarks * width)
    for landmark in 0..<landmarks {
      let segment = landmark * count / landmarks..<(landmark + 1) * count / landmarks
      let at = result + landmark * width
      context.kernels.features.column_sum(
        rows + segment.lowerBound * width, width, Int32(segment.count), Int32(width), nil, at)
      let factor = 1 / Float(segment.count)
      for channel in 0..<width { at[channel] *= factor }
    }
  }

  private func softmax(
    _ queries: UnsafePointer<Float>, _ keys: UnsafePointer<Float>,
    into kernel: UnsafeMutablePointer<Float>
  ) {
    let m = landmarks
    scores(queries, m, keys, scale: shape.kernelScale, into: kernel)
    for row in 0..<m {
      let at = kernel + row * m
      let factor = 1 / context.kernels.rows.exponentiate(at, Int64(m))
      for column in 0..<m { at[column] *= factor }
    }
  }

  /// Landmarks of queries attend to all keys, 64 of them at a time.
  private func attend(
    _ queries: UnsafePointer<Float>, _ at: AttendOperands.Head,
    into mixed: UnsafeMutablePointer<Float>, scores: UnsafeMutablePointer<Float>
  ) {
    let head = AttendOperands.Head(
      query: queries, key: at.key, value: at.value, output: mixed,
      keyValueIndex: at.keyValueIndex)
    for first in stride(from: 0, to: landmarks, by: 64) {
      products.attend(
        at: head, firstQuery: first, rows: min(64, landmarks - first), keys: shape.keyLength,
        scores: scores
      ) { _ in shape.keyLength }
    }
  }

  private var products: ScoreProducts {
    ScoreProducts(
      headDim: shape.headDim, valueDim: shape.valueDim, scale: shape.kernelScale,
      kernels: context.kernels.rows)
  }

  private func invert(
    _ kernel: UnsafeMutablePointer<Float>, ridge: Float,
    into inverted: UnsafeMutablePointer<Float>, scratch: UnsafeMutablePointer<Float>
  ) {
    var largest: Float = 0
    for row in 0..<landmarks {
      var sum: Float = 0
      for column in 0..<landmarks { sum += kernel[row * landmarks + column] }
      largest = max(largest, sum)
    }
    for index in 0..<landmarks { kernel[index * landmarks + index] += ridge }
    inverse.ofSymmetric(
      kernel, start: 1.8 / (largest * largest), into: inverted, scratch: scratch)
  }

  // MARK: - Gaussian kernels

  /// Factor of queries: the kernel's distances are between rows times the root of the scale.
  private var rowScale: Float { Float(shape.softmaxScale.squareRoot()) }

  /// Half the squared norms of rows.
  private func halfNorms(
    _ rows: UnsafePointer<Float>, _ count: Int, scale: Float,
    into norms: UnsafeMutablePointer<Float>
  ) {
    let width = shape.headDim
    for row in 0..<count {
      norms[row] =
        scale * scale / 2
        * context.kernels.features.largest_norm(rows + row * width, width, 1, Int32(width))
    }
  }

  private func scores(
    _ rows: UnsafePointer<Float>, _ count: Int, _ keys: UnsafePointer<Float>, scale: Float,
    into result: UnsafeMutablePointer<Float>
  ) {
    cblas_sgemm(
      CblasRowMajor, CblasNoTrans, CblasTrans, Int32(count), Int32(landmarks),
      Int32(shape.headDim), scale, rows, Int32(shape.headDim), keys, Int32(shape.headDim), 0,
      result, Int32(landmarks))
  }

  /// The kernel of a block of queries against the landmarks.
  private func gaussian(
    _ at: AttendOperands.Head, _ rows: Range<Int>, _ keys: UnsafePointer<Float>,
    _ keyNorms: UnsafePointer<Float>, into result: UnsafeMutablePointer<Float>
  ) {
    let queries = at.query + rows.lowerBound * shape.headDim
    let norms = result + Self.queryBlock * landmarks
    halfNorms(queries, rows.count, scale: rowScale, into: norms)
    scores(queries, rows.count, keys, scale: rowScale, into: result)
    context.kernels.features.gaussians(
      result, landmarks, Int32(rows.count), Int32(landmarks), norms, keyNorms)
  }

  private func gather(
    _ at: AttendOperands.Head, _ keys: UnsafePointer<Float>, _ norms: UnsafePointer<Float>,
    into mixed: UnsafeMutablePointer<Float>, scores: UnsafeMutablePointer<Float>
  ) {
    let e = Int32(shape.valueDim)
    mixed.update(repeating: 0, count: landmarks * shape.valueDim)
    for first in stride(from: 0, to: shape.queryLength, by: Self.queryBlock) {
      let rows = first..<min(first + Self.queryBlock, shape.queryLength)
      gaussian(at, rows, keys, norms, into: scores)
      cblas_sgemm(
        CblasRowMajor, CblasTrans, CblasNoTrans, Int32(landmarks), e, Int32(rows.count), 1,
        scores, Int32(landmarks), at.value + first * shape.valueDim, e, 1, mixed, e)
    }
  }

  // MARK: - Queries

  private func read(worker: Int, head: Int, block: Int) {
    guard let at = operands?.head(head, shape: shape) else { return }
    let (m, d, e) = (landmarks, shape.headDim, shape.valueDim)
    let first = block * Self.queryBlock
    let rows = first..<min(first + Self.queryBlock, shape.queryLength)
    let memory = scratch[worker].assumingMemoryBound(to: Float.self)
    let keys = summaries[head].assumingMemoryBound(to: Float.self)
    let values = keys + m * d
    switch stage.kernel {
    case .softmaxOfMeans:
      let small = AttendOperands.Head(
        query: at.query, key: keys, value: values, output: at.output,
        keyValueIndex: at.keyValueIndex)
      products.attend(
        at: small, firstQuery: first, rows: rows.count, keys: m,
        scores: memory + 5 * m * m + m * (2 * d + e)
      ) { _ in m }
    case .gaussianOfWindows:
      let scores = memory + 5 * m * m + m * (2 * d + e)
      gaussian(at, rows, keys, values + m * e, into: scores)
      cblas_sgemm(
        CblasRowMajor, CblasNoTrans, CblasNoTrans, Int32(rows.count), Int32(e), Int32(m), 1,
        scores, Int32(m), values, Int32(e), 0, at.output + first * e, Int32(e))
    }
    local?.add(keyHead: at.keyValueIndex, value: at.value, tokens: rows, to: at.output)
    count(worker: worker, exponentials: rows.count * m)
    board.add(
      worker: worker, bytesRead: 4 * rows.count * (d + (local == nil ? 0 : e)),
      bytesWritten: 4 * rows.count * e)
  }

  private func count(worker: Int, exponentials: Int) {
    board[worker].pointee.exponentials += UInt64(exponentials)
  }
}
