// SPDX-License-Identifier: MIT

/// What a feature map must know of the whole sequence before its first row.
public enum Statistic: Hashable, Sendable {
  /// About the largest key of every channel, that of a sample of 256 at equal distances: the shift of
  /// exponentials over tokens, whose sums say whether it will do.
  case sampledKeyMaxima
  /// About the mean key, that of such a sample, which keys lose.
  ///
  /// What the mean of `n` keys is off by is at most `sqrt(n / 256)` deviations, whatever the keys.
  case sampledKeyMean
  /// Scales of queries and keys that give exponential features the variance of a softmax.
  ///
  /// `s^2 = (sd_q^2 sd_k^2 - b) / 2 a`, queries times `s / sd_q`, keys times `s / sd_k`, standard
  /// deviations over the whole tensors; keys are shifted by their largest element.
  case logNormal(a: Double, b: Double)
  /// Queries and keys divided by the longest of their head, times `limit`.
  case largestNorms(limit: Double)
  /// Keys weighed by their similarity to the mean query feature: `n softmax_j(scale qbar . k'_j)`,
  /// features by `elu + 1`; the largest weight is about that of a sample of 256 keys.
  case similarityToMeanQuery
  /// Conservation of flows, features by the sigmoid.
  case flow(epsilon: Double)

  /// Keys of a sample.
  public static let sampledKeys = 256

  /// Whether what is found for keys depends on the queries of a head.
  var readsQueries: Bool {
    switch self {
    case .sampledKeyMaxima, .sampledKeyMean, .logNormal, .largestNorms: false
    case .similarityToMeanQuery, .flow: true
    }
  }

  /// Passes over queries and over keys, and exponentials of all of them.
  ///
  /// Rows are mapped once, for the products too: their exponentials belong to the map, but for those of a
  /// sample of keys.
  func passes(shape: AttentionShape) -> StatisticPasses {
    let queries = shape.batch * shape.queryHeads * shape.queryLength
    let keys = shape.batch * shape.keyValueHeads * shape.keyLength
    // One set of keys per query head.
    let own = shape.batch * shape.queryHeads * shape.keyLength
    let width = shape.headDim
    switch self {
    case .sampledKeyMaxima, .sampledKeyMean:
      let sampled = shape.batch * shape.keyValueHeads * min(shape.keyLength, Self.sampledKeys)
      return StatisticPasses(
        queryRows: 0, keyRows: sampled, exponentials: 0, elementwise: sampled * width)
    case .logNormal:
      return StatisticPasses(
        queryRows: queries, keyRows: keys, exponentials: 0,
        elementwise: 3 * queries * width + 4 * keys * width)
    case .largestNorms:
      return StatisticPasses(
        queryRows: queries, keyRows: keys, exponentials: 0,
        elementwise: 2 * (queries + keys) * width)
    case .similarityToMeanQuery:
      let sampled = shape.batch * shape.queryHeads * min(shape.keyLength, Self.sampledKeys)
      return StatisticPasses(
        queryRows: queries, keyRows: sampled, exponentials: sampled * width + own,
        elementwise: queries * width + own, products: 2 * (own + sampled) * width)
    case .flow:
      // Every row is read once; without causality the last pass goes beside the products. Two products
      // of a row with a vector, and one that adds it to a sum.
      return StatisticPasses(
        queryRows: queries, keyRows: own, exponentials: queries + own,
        elementwise: (queries + own) * width, products: 6 * (queries + own) * width)
    }
  }
}

extension Statistic {
  /// Exponentials, and rows of queries and keys read, over all passes and heads.
  public func work(shape: AttentionShape) -> (exponentials: Int, rows: Int) {
    let passes = passes(shape: shape)
    return (passes.exponentials, passes.queryRows + passes.keyRows)
  }
}

/// The work of a statistic.
struct StatisticPasses {
  /// Rows read, every pass counted.
  let queryRows, keyRows: Int
  let exponentials: Int
  let elementwise: Int
  /// Operations of products of rows with vectors, as those with the normaliser are counted.
  var products = 0
}
