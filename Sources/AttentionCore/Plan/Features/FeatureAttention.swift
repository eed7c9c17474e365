// SPDX-License-Identifier: MIT

/// Linear attention by feature maps that are lists of steps, with what may surround them.
///
/// Beside ``Scan``, whose few maps are fused into the products: rows are mapped block by block into
/// cache, and products run on the features as they are. Without causality the state is the sum of
/// `k'_j v_j^T` over the keys; with it the recurrence says how the state runs through the tokens.
public struct FeatureAttention: Hashable, Sendable {
  public let queryMap: FeatureSteps
  public let keyMap: FeatureSteps
  public let statistic: Statistic?
  public let recurrence: Recurrence
  public let normalizer: Normalizer
  public let outputNorm: OutputNorm?
  public let local: LocalConvolution?
  /// Tokens that are mapped and multiplied at a time, at most: engines cut it to what their caches hold.
  ///
  /// It changes the speed, never the result beyond rounding.
  public let chunkLength: Int

  public init(
    queryMap: [RowOperation], keyMap: [RowOperation], statistic: Statistic? = nil,
    recurrence: Recurrence = .sum, normalizer: Normalizer, outputNorm: OutputNorm? = nil,
    local: LocalConvolution? = nil, chunkLength: Int = 512
  ) {
    self.queryMap = FeatureSteps(queryMap)
    self.keyMap = FeatureSteps(keyMap)
    self.statistic = statistic
    self.recurrence = recurrence
    self.normalizer = normalizer
    self.outputNorm = outputNorm
    self.local = local
    self.chunkLength = chunkLength
  }

  /// How a causal state goes on from token to token.
  public enum Recurrence: Hashable, Sendable {
    case sum
    /// The state decays by `exp(-slope)` per token; the weight `slopes` is `[queryHeads]`.
    case decay
    /// Row `c` of the state decays by `exp(g_c)`, `g` the result of these steps on the key.
    case gates(FeatureSteps)
    /// Keys are a softmax over the tokens so far, channel by channel.
    case runningSoftmax
    /// Every query sees the whole block of tokens that it stands in, and all earlier blocks.
    case blocks(Int)
  }

  public enum Normalizer: Hashable, Sendable {
    case none
    /// Division by the sum of feature products plus `epsilon`.
    case sum(epsilon: Double)
    /// The same with the features up to the mark.
    case marked(epsilon: Double)
    /// Rows of the state are divided by the sum of their key features.
    case keySums
    /// The mean key feature is taken off every key's and the mean value added to outputs: weights sum
    /// to 1. Not causal.
    case means
  }

  /// A norm of every output row over its channels, without gain.
  public struct OutputNorm: Hashable, Sendable {
    public let isCentred: Bool
    public let epsilon: Double

    public init(isCentred: Bool, epsilon: Double) {
      self.isCentred = isCentred
      self.epsilon = epsilon
    }
  }

  /// The same with other chunks; 1 is the recurrent form.
  public func with(chunkLength: Int) -> FeatureAttention {
    FeatureAttention(
      queryMap: queryMap.steps, keyMap: keyMap.steps, statistic: statistic,
      recurrence: recurrence, normalizer: normalizer, outputNorm: outputNorm, local: local,
      chunkLength: chunkLength)
  }

  public func featureDim(shape: AttentionShape) -> Int {
    keyMap.featureDim(inputs: shape.headDim)
  }

  /// Whether keys are mapped once per query head even where query heads share them.
  ///
  /// Statistics of keys over queries differ from query head to query head, causal states run along
  /// their queries, and weights may belong to query heads.
  public func hasStatePerQueryHead(shape: AttentionShape) -> Bool {
    shape.isCausal || statistic?.readsQueries == true
  }

  public func stateHeads(shape: AttentionShape) -> Int {
    shape.batch * (hasStatePerQueryHead(shape: shape) ? shape.queryHeads : shape.keyValueHeads)
  }

  /// Numbers that a decoder carries from token to token, over all heads.
  ///
  /// They do not grow with the sequence.
  public func stateCount(shape: AttentionShape) -> Int {
    let heads = shape.batch * shape.queryHeads
    let features = featureDim(shape: shape)
    let sums: Int
    switch (normalizer, recurrence) {
    // Extremes and sums of keys.
    case (_, .runningSoftmax): sums = 2 * features
    case (.none, _): sums = 0
    case (.marked, _): sums = keyMap.markedDim(inputs: shape.headDim) ?? features
    case (.means, _): sums = features + shape.valueDim
    default: sums = features
    }
    return heads * (features * shape.valueDim + sums)
  }
}
