// SPDX-License-Identifier: MIT

/// How a row unit scores a block.
public enum BlockScoring: Hashable, Sendable {
  /// The product of a feature of the row unit with a feature of the block.
  case product(FeatureProduct)
  /// Ranges of blocks are halved and the best halves kept, down to single blocks.
  case tree(TreeSearch)
  /// Columns and diagonals that the last queries attend to most; blocks are single keys.
  case verticalSlash(VerticalSlash)
  /// Softmax over pooled keys, one choice per token and group of heads.
  case compressed(CompressedScores)
  /// Keys are sorted inside segments; blocks are single keys, chosen in blocks of sorted ones.
  case sortedSegments(SortedSegments)
  /// Mean heads score for many; every head keeps as many blocks as its last queries need.
  case proxyHeads(ProxyHeads)
  /// 4-bit estimates of all scores, against exact scores of the forced blocks.
  case lowBitEstimate(LowBitEstimate)
  /// Sampled tokens score blocks, which are then attended to at full or lower resolution.
  case pyramid(PyramidSearch)
  /// Blocks are joined to chunks where keys change; chunks are chosen by their mean features.
  case chunks(ChunkSearch)
  /// Every key-value head has the order of the grid's axes in which its weights fall into few
  /// blocks; the heaviest blocks of a head are kept.
  case axisOrders(AxisOrderSearch)
}

extension BlockScoring {
  /// Whether a rule decides alone how many blocks are kept.
  var keepsCounts: Bool {
    switch self {
    case .product, .compressed: true
    case .tree, .verticalSlash, .sortedSegments, .proxyHeads, .lowBitEstimate, .pyramid, .chunks,
      .axisOrders:
      false
    }
  }
}

/// Blocks of keys that are sorted by importance inside segments.
public struct SortedSegments: Hashable, Sendable {
  /// Queries and sorted keys per block; as many last queries judge importance.
  public let blockSize: Int
  /// Keys that are sorted together, a multiple of the block size.
  public let segment: Int
  /// Share of the softmax of mean products that a query block keeps.
  public let mass: Double

  public init(blockSize: Int, segment: Int, mass: Double) {
    self.blockSize = blockSize
    self.segment = segment
    self.mass = mass
  }
}

/// Estimates that must exceed a share of the exponentials of the forced blocks.
public struct LowBitEstimate: Hashable, Sendable {
  public let share: Double

  /// Codes of queries and keys, less their means.
  public static let operand = OperandRule(.number(.int4), group: .token)

  public init(share: Double) {
    self.share = share
  }
}

/// Mean heads that score blocks for the heads they stand for.
public struct ProxyHeads: Hashable, Sendable {
  public let headsPerProxy: Int
  public let queryStride: Int
  /// Share of the last row unit's weights that sets a head's budget.
  public let mass: Double

  public init(headsPerProxy: Int, queryStride: Int, mass: Double) {
    self.headsPerProxy = headsPerProxy
    self.queryStride = queryStride
    self.mass = mass
  }

  /// Queries of a row unit that are asked: the last of every stride, and the last of all.
  public func sampled(_ queries: Range<Int>) -> [Int] {
    queries.filter {
      ($0 - queries.lowerBound) % queryStride == queryStride - 1 || $0 == queries.upperBound - 1
    }
  }

  /// Blocks that a head keeps of `visible`, where its last row unit needed `needed` of `blocks`.
  public func budget(needed: Int, blocks: Int, visible: Int) -> Int {
    (needed * visible + blocks - 1) / blocks
  }
}

/// A search by halving: a node is scored by the products of queries with its first block.
public struct TreeSearch: Hashable, Sendable {
  /// Nodes that every round keeps.
  public let kept: Int
  /// Every second query of a row unit is asked where true, from the second on.
  public let samplesQueries: Bool

  public init(kept: Int, samplesQueries: Bool) {
    self.kept = kept
    self.samplesQueries = samplesQueries
  }

  /// Rounds until nodes of `count` blocks are single blocks; none where all blocks are kept.
  public func rounds(_ count: Int) -> Int {
    guard count > kept else { return 0 }
    let largest = (count + kept - 1) / kept
    return Int.bitWidth - (largest - 1).leadingZeroBitCount
  }

  /// Queries of a row unit that are asked.
  public func sampled(_ queries: Range<Int>) -> StrideTo<Int> {
    guard samplesQueries, queries.count > 1 else {
      return stride(from: queries.lowerBound, to: queries.upperBound, by: 1)
    }
    return stride(from: queries.lowerBound + 1, to: queries.upperBound, by: 2)
  }
}

/// Columns and diagonals chosen by the softmax rows of the last queries.
public struct VerticalSlash: Hashable, Sendable {
  public let lastQueries: Int
  /// Columns that are kept, the first `sinkColumns` among them.
  public let columns: Int
  public let sinkColumns: Int
  /// Diagonals that are kept, the `nearDiagonals` nearest among them.
  public let diagonals: Int
  public let nearDiagonals: Int
  /// Queries of a row unit; a diagonal is kept for as many keys at a time.
  public let span: Int

  public init(
    lastQueries: Int, columns: Int, sinkColumns: Int, diagonals: Int, nearDiagonals: Int, span: Int
  ) {
    self.lastQueries = lastQueries
    self.columns = columns
    self.sinkColumns = sinkColumns
    self.diagonals = diagonals
    self.nearDiagonals = nearDiagonals
    self.span = span
  }
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
        // The causal square; values weighed by its column sums, then keys scored and weighed.
        operations[.float32] += count * (count + 1) * headDim + 6 * count * headDim
        operations[.exponential] += count * (count + 1) / 2 + count
        operations[.elementwise] += count * (count + 1) / 2
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
  /// Base of a rotary embedding by the position of the unit's first token, where there is one.
  public let rotaryBase: Double?
  /// Tokens per step of that position.
  public let rotaryStep: Int

  public init(weight: String, width: Int, rotaryBase: Double? = nil, rotaryStep: Int = 1) {
    self.rotaryStep = rotaryStep
    self.weight = weight
    self.width = width
    self.rotaryBase = rotaryBase
  }
}
