// SPDX-License-Identifier: MIT

/// Attention to blocks of keys that a rule chooses by cheap scores.
///
/// Queries are gathered into row units and keys into blocks. Every row unit scores the blocks that
/// it may see, a rule keeps some of them, forced blocks are added, and the queries of the unit
/// attend to the keys of the chosen blocks that causality lets them see. Scores that decide have
/// one fixed order of summation; ties go to the lower block.
public struct AttendSelected: Hashable, Sendable {
  public enum Order: String, Hashable, Sendable, Codable, ParameterChoice {
    /// Queries are grouped by the block they chose; partial results are merged by log-sum-exp.
    case byBlock
    /// Strips of queries visit the union of their blocks under lane masks.
    case byQuery
    /// The keys that a row unit chose are gathered into one run; pays for blocks of few keys.
    case byRow
  }

  /// How results of several blocks become one.
  public enum Merging: String, Hashable, Sendable, Codable {
    /// One softmax over everything: partial results are merged by log-sum-exp.
    case logSumExp
    /// A softmax of its own inside each past block, whose last key is no key but tells by its
    /// score how much the block weighs against the keys of the own block. Order `byBlock` only.
    case lastKeys
  }

  /// Which heads share one list of blocks; their scores are added.
  public enum Sharing: String, Hashable, Sendable, Codable {
    /// Every query head has its own.
    case none
    /// The query heads of one key-value head.
    case group
    case allHeads
  }

  public let rows: RowUnit
  public let blocks: BlockPartition
  public let sharing: Sharing
  public let scoring: BlockScoring
  public let rule: BlockRule
  public let forced: ForcedBlocks
  public let order: Order
  public let merging: Merging
  /// Float32, or INT8 scores with consecutive blocks in order ``Order/byQuery``.
  public let precision: AttendPrecision
  /// How far under the largest score met before a strip leaves a chosen block out [log2].
  ///
  /// All scores of the block must lie as far, for every query of the strip; nil where none is left
  /// out. Float32, order ``Order/byQuery``, row units that fill strips, blocks of at most 128 keys.
  public let leftOutBelow: Double?
  /// Pairs over all heads that a known selection attends to; see ``realised(_:shape:)``.
  public private(set) var realisedPairs: Int?
  /// Pairs over all heads whose estimates a known selection took at least.
  private(set) var realisedEstimates: Int?
  /// Pairs over all heads, of ``realisedPairs``, whose values were left out.
  private(set) var realisedLeftOut: Int?

  public init(
    rows: RowUnit, blocks: BlockPartition, sharing: Sharing = .none,
    scoring: BlockScoring = .product(FeatureProduct()), rule: BlockRule,
    forced: ForcedBlocks = ForcedBlocks(), order: Order = .byQuery,
    merging: Merging = .logSumExp, precision: AttendPrecision = .float32,
    leftOutBelow: Double? = nil
  ) {
    self.leftOutBelow = leftOutBelow
    self.precision = precision
    self.rows = rows
    self.blocks = blocks
    self.sharing = sharing
    self.scoring = scoring
    self.rule = rule
    self.forced = forced
    self.order = order
    self.merging = merging
  }

  /// Every query with its own block and the `topK - 1` best whole blocks before it.
  public init(blockSize: Int, topK: Int, order: Order) {
    self.init(
      rows: .queries(1), blocks: .consecutive(blockSize), rule: BlockRule(.top(topK)),
      forced: ForcedBlocks(own: true), order: order)
  }

  /// Block size and top-k of a stage in which every query chooses past blocks by itself, or nil.
  public var pastBlocks: PastBlocks? {
    guard rows == .queries(1), sharing == .none, forced == ForcedBlocks(own: true),
      order != .byRow, merging == .logSumExp,
      case .consecutive(let size) = blocks, case .top(let count) = rule.measure,
      rule.forcedTakePlaces, rule.scope == .row
    else { return nil }
    return PastBlocks(blockSize: size, topK: count)
  }

  /// Floats of partial results that order `byBlock` needs.
  public func partialElements(shape: AttentionShape) -> Int {
    guard order == .byBlock else { return 0 }
    let ranks = max(capacity(SelectionGeometry(self, shape: shape)) - 1, 0)
    return shape.outputExtents.reduce(1, *) * ranks
  }

  /// Places for chosen blocks over all lists.
  public func listElements(shape: AttentionShape) -> Int {
    let geometry = SelectionGeometry(self, shape: shape)
    let lists = shape.batch * shape.queryHeads / headsPerList(shape: shape)
    return lists * geometry.rowCount * max(capacity(geometry), 1)
  }

  /// The stage with the pairs of a selection that was made, so that its work is exact.
  public func realised(_ selection: Selection, shape: AttentionShape) -> AttendSelected {
    var copy = self
    copy.realisedPairs = attendedPairs(of: selection, shape: shape)
    copy.realisedEstimates = estimatedPairs(of: selection, shape: shape)
    if leftOutBelow != nil {
      copy.realisedLeftOut = leftOutPairs(of: selection, shape: shape)
    }
    return copy
  }

  /// Query heads that share one list of blocks.
  public func headsPerList(shape: AttentionShape) -> Int {
    switch sharing {
    case .none: 1
    case .group: shape.headGroup
    case .allHeads: shape.queryHeads
    }
  }

  /// Places that a list needs, whatever the data.
  public func capacity(_ geometry: SelectionGeometry) -> Int {
    let all = geometry.wholeBlocks
    guard rule.scope == .row, forced.lastRows == 0, case .top(let count) = rule.measure else {
      return all
    }
    guard rule.forcedTakePlaces else { return min(count + forced.most(geometry), all) }
    return min(max(count, forced.most(geometry)), all)
  }
}

/// Causal attention of single queries to their own block and the best ones before it.
public struct PastBlocks: Hashable, Sendable {
  public let blockSize: Int
  /// Blocks of a query, the own one included.
  public let topK: Int
}

/// The queries that share one list of blocks.
public enum RowUnit: Hashable, Sendable {
  /// As many consecutive queries; 1 is every token by itself.
  case queries(Int)
  /// The queries at the places of a block's keys, in self-attention.
  case block
}

/// How keys, and in self-attention queries, are cut into blocks.
public enum BlockPartition: Hashable, Sendable {
  /// As many consecutive keys; the last block may be shorter.
  case consecutive(Int)
  /// Tiles of the token grid in row-major order, smaller at the far borders.
  case gridTiles(Extents)
  /// Single keys, in the order in which ``gridTiles(_:)`` has them; row units can be the tiles.
  case gridTokens(Extents)
  /// As many consecutive keys, then the same blocks as means of 2, 4 and 8 keys each: places from
  /// the number of keys on are mean keys. Order `byQuery` only.
  case pyramid(Int)
}

/// Blocks that a row unit attends to whatever their scores.
public struct ForcedBlocks: Hashable, Sendable {
  /// The blocks in which the unit's last visible keys lie; without causality, those of its places.
  public var own: Bool
  /// Blocks at the start of the sequence.
  public var first: Int
  /// Blocks just before the own ones.
  public var previous: Int
  /// Row units at the end that attend to all blocks they may see.
  public var lastRows: Int

  public init(own: Bool = false, first: Int = 0, previous: Int = 0, lastRows: Int = 0) {
    self.own = own
    self.first = first
    self.previous = previous
    self.lastRows = lastRows
  }

  /// The most blocks of one row unit, those of `lastRows` apart.
  func most(_ geometry: SelectionGeometry) -> Int {
    (0..<geometry.rowCount).reduce(0) { max($0, geometry.forcedBlocks(row: $1, self).count) }
  }
}
