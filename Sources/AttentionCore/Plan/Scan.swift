// SPDX-License-Identifier: MIT

/// Linear attention: features of keys are summed into a state that features of queries read.
///
/// With `q' = phi(q)`, `k' = phi(k)`: `S_t = lambda S_(t-1) + k'_t v_t^T`, `o_t = q'_t S_t`,
/// divided by `q'_t z_t + epsilon` where normalised (`z` is the sum of features). Without causality
/// the state is the sum over all keys.
public struct Scan: Hashable, Sendable {
  public let featureMap: FeatureMap
  public let decay: Decay
  public let normalizer: Normalizer
  /// Tokens per chunk of the causal form.
  ///
  /// It changes the speed, never the result beyond rounding.
  public let chunkLength: Int

  public init(
    featureMap: FeatureMap, decay: Decay = .none, normalizer: Normalizer, chunkLength: Int
  ) {
    self.featureMap = featureMap
    self.decay = decay
    self.normalizer = normalizer
    self.chunkLength = chunkLength
  }

  public enum Decay: Hashable, Sendable {
    case none
    /// `lambda = exp(-slope)` with one slope per query head, from the weight `slopes`.
    case perHead
  }

  public enum Normalizer: Hashable, Sendable {
    case none
    /// Division by the sum of feature products plus `epsilon`.
    case sum(epsilon: Double)
  }

  func work(shape: AttentionShape) -> [StageWork] {
    let heads = shape.batch * shape.queryHeads
    let features = featureMap.featureDim(headDim: shape.headDim)
    let rows = rows(shape: shape)
    let state = 2 * rows * features * shape.valueDim
    let isNormalised = normalizer != .none
    let sums = isNormalised ? 2 * rows * features : 0
    let bytes = TensorBytes(shape)
    var operations = OperationCounts([
      .float32: state + sums, .elementwise: isNormalised ? bytes.output / 4 : 0,
    ])
    operations = operations + featureMap.operations(rows: rows, headDim: shape.headDim)
    return [
      StageWork(
        name: "features and state", operations: operations, bytesRead: bytes.inputs,
        bytesWritten: bytes.output,
        // Chunks are independent but for their states, which an associative scan joins.
        parallelUnits: heads * ((shape.queryLength + 63) / 64))
    ]
  }
}

extension Scan {
  /// Rows of keys and queries that are mapped and multiplied, over all heads.
  ///
  /// Without causality the state of a key-value head serves its whole group of query heads; with it
  /// every query head runs its own scan over the keys that its queries see.
  func rows(shape: AttentionShape) -> Int {
    let heads = shape.batch * shape.queryHeads
    guard shape.isCausal else {
      return heads * shape.queryLength + shape.batch * shape.keyValueHeads * shape.keyLength
    }
    let keys = shape.visibleKeys(query: shape.queryLength - 1)
    let queries = (0..<shape.queryLength).count { shape.visibleKeys(query: $0) > 0 }
    return heads * (queries + keys)
  }
}

/// The map from a query or key to its features.
public enum FeatureMap: Hashable, Sendable {
  case identity
  /// `elu(x) + 1`.
  case elu1
  case relu
  /// FAVOR+ positive random features with the weight `projection` `[featureDim, headDim]`.
  case positiveRandom(featureDim: Int, epsilon: Double)

  public func featureDim(headDim: Int) -> Int {
    if case .positiveRandom(let featureDim, _) = self { featureDim } else { headDim }
  }

  func operations(rows: Int, headDim: Int) -> OperationCounts {
    switch self {
    case .identity: OperationCounts()
    case .relu: OperationCounts([.elementwise: rows * headDim])
    case .elu1: OperationCounts([.exponential: rows * headDim])
    case .positiveRandom(let featureDim, _):
      OperationCounts([
        .float32: 2 * rows * featureDim * headDim, .exponential: rows * featureDim,
      ])
    }
  }
}
