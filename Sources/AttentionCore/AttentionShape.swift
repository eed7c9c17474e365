// SPDX-License-Identifier: MIT

/// Which keys a query may see by their order in the sequence.
public enum Causality: String, Hashable, Sendable, Codable, CaseIterable {
  /// Every query sees every key.
  case none
  /// Query `i` sees keys `j <= i + keyLength - queryLength`: the last query sees every key.
  case bottomRight
  /// Query `i` sees keys `j <= i`: the first query sees the first key.
  case topLeft
}

/// Sizes of one attention problem: `[batch, heads, sequence, headDim]` tensors and their order.
///
/// For mechanisms that mix token features (`inputs: x`) the tensor is
/// `[batch, queryLength, channels]` with ``channels`` equal to `queryHeads * headDim`.
public struct AttentionShape: Hashable, Sendable, Codable {
  public let batch: Int
  public let queryHeads: Int
  public let keyValueHeads: Int
  public let queryLength: Int
  public let keyLength: Int
  public let headDim: Int
  public let valueDim: Int
  public let causality: Causality
  /// Row-major token grid of the sequence, for mechanisms that know axes.
  public let grid: Extents?
  /// Factor of the scores; nil means `1 / sqrt(headDim)`.
  public let scale: Double?

  /// - Throws: ``ShapeError`` if a size is below 1, heads do not divide, the grid does not fit the
  ///   sequence, or the tensors would exceed addressable memory.
  public init(
    batch: Int = 1, queryHeads: Int = 1, keyValueHeads: Int? = nil, queryLength: Int,
    keyLength: Int? = nil, headDim: Int, valueDim: Int? = nil, causality: Causality = .none,
    grid: Extents? = nil, scale: Double? = nil
  ) throws(ShapeError) {
    self.batch = batch
    self.queryHeads = queryHeads
    self.keyValueHeads = keyValueHeads ?? queryHeads
    self.queryLength = queryLength
    self.keyLength = keyLength ?? queryLength
    self.headDim = headDim
    self.valueDim = valueDim ?? headDim
    self.causality = causality
    self.grid = grid
    self.scale = scale
    try validate()
  }

  /// Decodes sizes under the rules of ``init(batch:queryHeads:keyValueHeads:queryLength:keyLength:headDim:valueDim:causality:grid:scale:)``.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    try self.init(
      batch: container.decode(Int.self, forKey: .batch),
      queryHeads: container.decode(Int.self, forKey: .queryHeads),
      keyValueHeads: container.decode(Int.self, forKey: .keyValueHeads),
      queryLength: container.decode(Int.self, forKey: .queryLength),
      keyLength: container.decode(Int.self, forKey: .keyLength),
      headDim: container.decode(Int.self, forKey: .headDim),
      valueDim: container.decode(Int.self, forKey: .valueDim),
      causality: container.decode(Causality.self, forKey: .causality),
      grid: container.decodeIfPresent(Extents.self, forKey: .grid),
      scale: container.decodeIfPresent(Double.self, forKey: .scale))
  }

  public var isCausal: Bool { causality != .none }
  public var isSelfAttention: Bool { queryLength == keyLength }
  public var channels: Int { queryHeads * headDim }
  /// Query heads that share one key-value head.
  public var headGroup: Int { queryHeads / keyValueHeads }
  public var softmaxScale: Double { scale ?? 1 / Double(headDim).squareRoot() }

  public var queryExtents: [Int] { [batch, queryHeads, queryLength, headDim] }
  public var keyExtents: [Int] { [batch, keyValueHeads, keyLength, headDim] }
  public var valueExtents: [Int] { [batch, keyValueHeads, keyLength, valueDim] }
  public var outputExtents: [Int] { [batch, queryHeads, queryLength, valueDim] }
  public var tokenExtents: [Int] { [batch, queryLength, channels] }

  /// Keys that causality lets query `index` see, counted from key 0.
  public func visibleKeys(query index: Int) -> Int {
    switch causality {
    case .none: keyLength
    case .bottomRight: min(max(index + 1 + keyLength - queryLength, 0), keyLength)
    case .topLeft: min(index + 1, keyLength)
    }
  }

  /// Position in the sequence of keys of query 0: query `i` stands at key `i + causalOffset`.
  public var causalOffset: Int {
    causality == .bottomRight ? keyLength - queryLength : 0
  }

  /// A copy with some sizes replaced.
  public func with(
    batch: Int? = nil, queryHeads: Int? = nil, keyValueHeads: Int? = nil, queryLength: Int? = nil,
    keyLength: Int? = nil, causality: Causality? = nil, grid: Extents?? = nil
  ) throws(ShapeError) -> AttentionShape {
    try AttentionShape(
      batch: batch ?? self.batch, queryHeads: queryHeads ?? self.queryHeads,
      keyValueHeads: keyValueHeads ?? self.keyValueHeads,
      queryLength: queryLength ?? self.queryLength, keyLength: keyLength ?? self.keyLength,
      headDim: headDim, valueDim: valueDim, causality: causality ?? self.causality,
      grid: grid ?? self.grid, scale: scale)
  }

  /// Plans have masks and tables per head, and features as wide as squares of a head: sizes beyond
  /// any model are refused before either is made.
  private static func largest(_ name: String) -> Int {
    switch name {
    case "queryHeads", "keyValueHeads", "headDim", "valueDim": 1 << 16
    default: Int(Int32.max)
    }
  }

  private func validate() throws(ShapeError) {
    let sizes = [
      ("batch", batch), ("queryHeads", queryHeads), ("keyValueHeads", keyValueHeads),
      ("queryLength", queryLength), ("keyLength", keyLength), ("headDim", headDim),
      ("valueDim", valueDim),
    ]
    for (name, value) in sizes where value < 1 {
      throw .tooSmall(name: name, value: value)
    }
    for (name, value) in sizes {
      let limit = Self.largest(name)
      guard value <= limit else { throw .tooLarge(name: name, value: value, limit: limit) }
    }
    guard queryHeads.isMultiple(of: keyValueHeads) else {
      throw .headsDoNotDivide(queryHeads: queryHeads, keyValueHeads: keyValueHeads)
    }
    for extents in [queryExtents, keyExtents, valueExtents, outputExtents] {
      guard let count = Extents(extents).checkedCount, count < 1 << 48 else {
        throw .tensorTooLarge(extents: extents)
      }
    }
    if let scale, !(scale.isFinite && scale > 0) {
      throw .badScale(scale)
    }
    guard let grid else { return }
    for value in grid.values where value < 1 {
      throw .tooSmall(name: "grid", value: value)
    }
    guard (1...3).contains(grid.rank), grid.checkedCount == queryLength else {
      throw .gridDoesNotFit(grid: grid, queryLength: queryLength)
    }
  }
}

/// A size that no attention problem can have.
public enum ShapeError: Error, Hashable, Sendable {
  case tooSmall(name: String, value: Int)
  case tooLarge(name: String, value: Int, limit: Int)
  case headsDoNotDivide(queryHeads: Int, keyValueHeads: Int)
  case gridDoesNotFit(grid: Extents, queryLength: Int)
  case tensorTooLarge(extents: [Int])
  case badScale(Double)
}

extension ShapeError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .tooSmall(let name, let value):
      "\(name) is \(value); it must be at least 1"
    case .tooLarge(let name, let value, let limit):
      "\(name) is \(value); it must be at most \(limit)"
    case .headsDoNotDivide(let queryHeads, let keyValueHeads):
      "\(queryHeads) query heads cannot share \(keyValueHeads) key-value heads evenly; "
        + "query heads must be a multiple of key-value heads"
    case .gridDoesNotFit(let grid, let queryLength):
      "grid \(grid) has \(grid.checkedCount.map(String.init) ?? "too many") tokens in rank "
        + "\(grid.rank), but the sequence has \(queryLength); rank must be 1 to 3 and the product "
        + "of the axes must equal the sequence length"
    case .tensorTooLarge(let extents):
      "a tensor \(extents) does not fit in memory; reduce a size"
    case .badScale(let scale):
      "scale is \(scale); it must be a finite number above 0"
    }
  }
}

extension AttentionShape: CustomStringConvertible {
  /// The sizes in the order `batch x heads x length x headDim`, with what differs from plain self-attention.
  public var description: String {
    var parts = ["\(batch)x\(queryHeads)x\(queryLength)x\(headDim)"]
    if keyValueHeads != queryHeads { parts.append("kvHeads=\(keyValueHeads)") }
    if keyLength != queryLength { parts.append("keys=\(keyLength)") }
    if valueDim != headDim { parts.append("valueDim=\(valueDim)") }
    if let grid { parts.append("grid=\(grid)") }
    switch causality {
    case .none: break
    case .bottomRight: parts.append("causal")
    case .topLeft: parts.append("causal-top-left")
    }
    return parts.joined(separator: " ")
  }
}
