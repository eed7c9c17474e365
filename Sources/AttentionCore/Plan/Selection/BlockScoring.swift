// SPDX-License-Identifier: MIT

/// How a row unit scores a block.
public enum BlockScoring: Hashable, Sendable {
  /// The product of a feature of the row unit with a feature of the block.
  case product(FeatureProduct)
}

/// Products of pooled features.
public struct FeatureProduct: Hashable, Sendable {
  /// What becomes of the products of one row unit before a rule sees them.
  public enum Form: Hashable, Sendable {
    case raw
    /// `e^(scale (s - max))` over the visible blocks: softmax but for its sum.
    case softmax(scale: Double)
    /// `(s - min) / (max - min)` over everything that competes.
    case minMax
  }

  public var query: PooledFeature
  public var key: PooledFeature
  public var form: Form
  /// Blocks whose rows have a mean cosine of at most this are kept by every row unit, and row units
  /// of that kind keep every block: a mean says little about them.
  public var leastSimilarity: Double?

  public init(
    query: PooledFeature = .mean, key: PooledFeature = .mean, form: Form = .raw,
    leastSimilarity: Double? = nil
  ) {
    self.query = query
    self.key = key
    self.form = form
    self.leastSimilarity = leastSimilarity
  }
}

/// A feature of several rows: statistics side by side, then a learned projection where given.
public struct PooledFeature: Hashable, Sendable {
  public enum Statistic: String, Hashable, Sendable {
    case mean, maximum, minimum
    /// The last row.
    case last
    /// Rows weighted by softmax of their products with the mean causal self-attention output.
    case attention
  }

  public let statistics: [Statistic]
  public let projection: FeatureProjection?

  public init(_ statistics: [Statistic], projection: FeatureProjection? = nil) {
    self.statistics = statistics
    self.projection = projection
  }

  public static let mean = PooledFeature([.mean])

  /// Floats per feature at `headDim`.
  public func width(headDim: Int) -> Int { projection?.width ?? statistics.count * headDim }

  /// Operations on one unit of `count` rows.
  func operations(count: Int, headDim: Int) -> OperationCounts {
    var operations = OperationCounts()
    for statistic in statistics {
      switch statistic {
      case .mean: operations[.elementwise] += count * headDim
      case .maximum, .minimum: operations[.compare] += count * headDim
      case .last: break
      case .attention:
        // The causal square, then one more weighting of the rows.
        operations[.float32] += 2 * count * (count + 1) * headDim + 4 * count * headDim
        operations[.exponential] += count * (count + 1) / 2 + count
      }
    }
    if let projection {
      operations[.float32] += 2 * statistics.count * headDim * projection.width
    }
    return operations
  }
}

/// A linear map of a feature, one matrix `[width, inputs]` per head.
public struct FeatureProjection: Hashable, Sendable {
  /// Name of the weight `[heads, width, inputs]`.
  public let weight: String
  public let width: Int
  /// Base of a rotary embedding by the unit's index, where there is one.
  public let rotaryBase: Double?

  public init(weight: String, width: Int, rotaryBase: Double? = nil) {
    self.weight = weight
    self.width = width
    self.rotaryBase = rotaryBase
  }
}
