// SPDX-License-Identifier: MIT

/// Three softmaxes per query, added with gates: pooled keys, chosen blocks and a sliding window.
public struct GatedBranches: Hashable, Sendable {
  public let compression: Compression
  /// Attention to the blocks that the pooled keys point at.
  public let selection: AttendSelected
  /// Keys up to the query's own that the window holds.
  public let window: Int
  /// Name of the weight `[queryHeads, queryLength, 3]`: gates of pooled, chosen and window branch.
  public let gates: String

  public init(compression: Compression, selection: AttendSelected, window: Int, gates: String) {
    self.compression = compression
    self.selection = selection
    self.window = window
    self.gates = gates
  }

  /// The window branch, one head at a time.
  public func windowStage(shape: AttentionShape) -> Attend {
    let axis = AxisWindow(
      length: shape.queryLength, window: min(window, shape.queryLength), stride: 1, dilation: 1,
      isCausal: true)
    return Attend(rule: .neighborhood(NeighborhoodMask(axes: [axis])), queryTiling: .flat)
  }

  /// The stage with the pairs of a selection that was made.
  public func realised(_ made: Selection, shape: AttentionShape) -> GatedBranches {
    GatedBranches(
      compression: compression, selection: selection.realised(made, shape: shape), window: window,
      gates: gates)
  }

  /// Pairs of one head over all branches, where they do not depend on the data.
  func attendedPairs(shape: AttentionShape) -> Int? {
    selection.attendedPairs(shape: shape).map {
      $0 + compression.pairs(shape: shape)
        + windowStage(shape: shape).rule.attendedPairs(shape: shape)
    }
  }

  func work(shape: AttentionShape) -> [StageWork] {
    let bytes = TensorBytes(shape)
    let heads = shape.batch * shape.queryHeads
    let pairs = heads * compression.pairs(shape: shape)
    let gate = StageWork(
      name: "gate", operations: OperationCounts([.elementwise: 5 * bytes.output / 4]),
      bytesRead: 12 * shape.queryHeads * shape.queryLength, bytesWritten: bytes.output,
      parallelUnits: heads * shape.queryLength)
    let pooled = StageWork(
      name: "attend to pooled keys",
      operations: OperationCounts([
        .float32: 2 * pairs * (shape.headDim + shape.valueDim), .exponential: pairs,
      ]),
      bytesRead: bytes.query, bytesWritten: 0,
      parallelUnits: heads * ((shape.queryLength + 31) / 32))
    return [compression.work(shape: shape), pooled] + selection.work(shape: shape)
      + windowStage(shape: shape).work(shape: shape) + [gate]
  }
}

/// Means of overlapping stretches of keys and values.
public struct Compression: Hashable, Sendable {
  /// Keys of one stretch.
  public let length: Int
  /// Keys from one stretch to the next.
  public let step: Int

  public init(length: Int, step: Int) {
    self.length = length
    self.step = step
  }

  /// Whole stretches among the first `keys` keys.
  public func count(keys: Int) -> Int { keys < length ? 0 : (keys - length) / step + 1 }

  /// Pairs of queries and stretches that end no later than the query.
  public func pairs(shape: AttentionShape) -> Int {
    (0..<shape.queryLength).reduce(0) { $0 + count(keys: shape.visibleKeys(query: $1)) }
  }

  func work(shape: AttentionShape) -> StageWork {
    let bytes = TensorBytes(shape)
    let heads = shape.batch * shape.keyValueHeads
    let count = count(keys: shape.keyLength)
    let width = shape.headDim + shape.valueDim
    return StageWork(
      name: "pool keys and values",
      operations: OperationCounts([.elementwise: heads * count * length * width]),
      bytesRead: bytes.key + bytes.value, bytesWritten: 4 * heads * count * width,
      parallelUnits: heads * max(count, 1))
  }
}

/// Scores of blocks by the softmax over pooled keys, added over the heads of a group.
///
/// A block scores the weight of every stretch as often as steps of the stretch lie in the block.
public struct CompressedScores: Hashable, Sendable {
  public let compression: Compression
  /// Keys of a selected block, a multiple of the step.
  public let blockSize: Int

  public init(compression: Compression, blockSize: Int) {
    self.compression = compression
    self.blockSize = blockSize
  }
}
