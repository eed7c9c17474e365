// SPDX-License-Identifier: MIT

/// Tiled online softmax over keys known before the data.
public struct Attend: Hashable, Sendable {
  public private(set) var rule: MaskRule
  public let precision: AttendPrecision
  public let queryTiling: QueryTiling
  /// Keys per chunk where chunks are attended to by themselves and merged; nil for one pass.
  public let keyChunk: Int?
  /// What is done about the rest that the mask leaves out; nil for nothing.
  public let residual: Residual?
  /// Whether operands that were quantised in the first run serve all later ones.
  ///
  /// The inputs must not change then; it tells the time of attention without its preparation.
  public let keepsOperands: Bool
  /// `cap` of the scaled scores `s`, which become `cap tanh(s / cap)` before anything is added to
  /// them; nil for none.
  public let scoreCap: Double?

  public init(
    rule: MaskRule = .sequence, precision: AttendPrecision = .float32,
    queryTiling: QueryTiling = .fitted, keyChunk: Int? = nil, residual: Residual? = nil,
    keepsOperands: Bool = false, scoreCap: Double? = nil
  ) {
    self.keepsOperands = keepsOperands
    self.scoreCap = scoreCap
    self.keyChunk = keyChunk
    self.rule = rule
    self.precision = precision
    self.queryTiling = queryTiling
    self.residual = residual
  }

  /// The stage with the patterns that heads picked when they met the data, where they pick any.
  ///
  /// Of several batch elements each has picked its own: they keep what is assumed beforehand.
  func realised(_ selection: Selection, shape: AttentionShape) -> Attend {
    guard case .patterns(let heads) = rule, heads.choice != nil, shape.batch == 1 else {
      return self
    }
    let picked = (0..<shape.queryHeads).compactMap { selection.blocks(head: $0, row: 0).first }
    guard picked.count == shape.queryHeads else { return self }
    let frequent = (0..<shape.queryHeads).map { head in
      selection.rows > 1 ? selection.blocks(head: head, row: 1) : []
    }
    var copy = self
    copy.rule = .patterns(heads.picking(picked, frequent: frequent, shape: shape))
    return copy
  }

  func work(shape: AttentionShape) -> [StageWork] {
    let pairs = shape.batch * rule.attendedPairsOfHeads(shape: shape)
    let bytes = TensorBytes(shape)
    var operations = OperationCounts([.exponential: pairs])
    operations[precision.scoreClass] += 2 * pairs * shape.headDim
    operations[precision.valueClass] += 2 * pairs * shape.valueDim
    let units = parallelUnits(shape: shape)
    let prepared = precision.preparedBytes(bytes)
    let attend = StageWork(
      name: "attend", operations: operations,
      bytesRead: bytes.query + prepared.key + prepared.value,
      bytesWritten: bytes.output, narrowBytes: prepared.narrow, parallelUnits: units)
    let merge = keyChunk.map { [merging($0, shape: shape)] } ?? []
    let preparation = keepsOperands ? [] : precision.preparation(shape: shape)
    return preparation + summing(shape: shape) + choosing(shape: shape)
      + modifying(pairs: pairs, shape: shape) + [attend] + merge + residualWork(shape: shape)
  }

  /// Whether heads pick patterns from the data; what patterns show beside keys is gathered then.
  private var picksPatterns: Bool {
    guard case .patterns(let heads) = rule else { return false }
    return heads.choice != nil
  }

  /// The means of keys and values that stand for groups of them.
  private func summing(shape: AttentionShape) -> [StageWork] {
    guard let summaries = rule.summaries, !picksPatterns else { return [] }
    let heads = shape.batch * shape.keyValueHeads
    let elements = heads * (shape.headDim + shape.valueDim)
    return [
      StageWork(
        name: "summarise keys and values",
        operations: OperationCounts([
          .elementwise: elements * (summaries.keyCount + summaries.groups.count)
        ]),
        bytesRead: 4 * elements * summaries.keyCount,
        bytesWritten: 4 * elements * summaries.groups.count,
        parallelUnits: heads * max(summaries.groups.count, 1))
    ]
  }

  private func parallelUnits(shape: AttentionShape) -> Int {
    guard let mask = diagonalMask else {
      return shape.batch * shape.queryHeads * ((shape.queryLength + 31) / 32)
    }
    let heads = shape.batch * shape.keyValueHeads
    return heads * DiagonalParts(mask, keyValueHeads: heads).queries.count
  }

  /// What an engine must count when it runs `schedule` over all heads of `shape`.
  public func expectedCounts(schedule: TileSchedule, shape: AttentionShape) -> EngineCounts {
    counts(of: schedule, queryReads: true, shape: shape).times(shape.batch * shape.queryHeads)
  }

  /// What an engine must count when it runs `schedules` over all heads of `shape`.
  public func expectedCounts(schedules: HeadSchedules, shape: AttentionShape) -> EngineCounts {
    let each = schedules.schedules.indices.map { index in
      var sum = counts(of: schedules.schedules[index], queryReads: true, shape: shape)
      if let summaries = schedules.summaries[index] {
        sum += counts(of: summaries, queryReads: false, shape: shape)
      }
      return sum
    }
    var sum = EngineCounts()
    for pattern in schedules.ofHead { sum += each[pattern] }
    sum = sum.times(shape.batch)
    if let summaries = rule.summaries {
      sum.rowsGathered += shape.batch * shape.keyValueHeads * summaries.keyCount
    }
    return sum
  }

  /// The counts of one head; queries and outputs are read and written once, whatever is visited.
  func counts(
    of schedule: TileSchedule, queryReads: Bool, shape: AttentionShape
  ) -> EngineCounts {
    let tiles = schedule.counts
    let keysVisited = schedule.strips.indices.reduce(0) {
      $0 + schedule.keysVisited(strip: $1)
    }
    var counts = EngineCounts()
    counts.tilesVisited = tiles.visited
    counts.tilesFull = tiles.full
    counts.pairsEvaluated = tiles.evaluatedPairs
    counts.exponentials = tiles.evaluatedPairs
    counts.bytesRead = 4 * keysVisited * (shape.headDim + shape.valueDim)
    if queryReads {
      counts.bytesRead += 4 * shape.queryLength * shape.headDim
      counts.bytesWritten = 4 * shape.queryLength * shape.valueDim
    }
    return counts
  }
}

/// How the queries of a grid are gathered into strips.
///
/// It changes the speed, never the result.
public enum QueryTiling: Hashable, Sendable {
  /// Consecutive tokens of the flattened grid.
  case flat
  /// The multi-dimensional tile that visits the fewest key tiles.
  case fitted
  /// A given multi-dimensional tile.
  case fixed(Extents)
  /// No tiles: lanes of queries against the shifts of their windows. Masks that do not slide run
  /// as ``fitted``.
  case diagonal
}

/// Element types of the two products of tiled attention.
public enum AttendPrecision: Hashable, Sendable {
  case float32
  /// Both products in bfloat16 with Float32 accumulation; inputs are converted in the timed region.
  case bfloat16
  case int8(QuantizationRule)
  /// Any formats; integer scores are instructions of the CPU, what it lacks is emulated.
  case quantised(QuantisationPlan)

  public var scoreClass: OperationClass {
    switch self {
    case .float32: .float32
    case .bfloat16: .bfloat16
    case .int8: .int8
    case .quantised(let plan): plan.scoreClass
    }
  }

  public var valueClass: OperationClass {
    switch self {
    case .float32: .float32
    case .bfloat16: .bfloat16
    case .int8(let rule):
      switch rule.valuePrecision {
      case .float32: .float32
      case .bfloat16: .bfloat16
      case .int8: .int8
      }
    case .quantised(let plan): plan.valueClass
    }
  }

  /// The short name in tables, such as `int8+bf16`.
  public var name: String {
    switch self {
    case .float32: "f32"
    case .bfloat16: "bf16"
    case .int8(let rule): "int8+" + rule.valuePrecision.shortName
    case .quantised(let plan): plan.name
    }
  }

  /// Bytes of keys and values as the products read them, and how many of them are not Float32.
  func preparedBytes(_ bytes: TensorBytes) -> (key: Int, value: Int, narrow: Int) {
    switch self {
    case .float32: return (bytes.key, bytes.value, 0)
    case .bfloat16: return (bytes.key / 2, bytes.value / 2, (bytes.key + bytes.value) / 2)
    case .int8(let rule):
      let value = bytes.value / 4 * rule.valuePrecision.elementBytes
      let narrowValue = rule.valuePrecision == .float32 ? 0 : value
      return (bytes.key / 4, value, bytes.key / 4 + narrowValue)
    case .quantised(let plan): return plan.preparedBytes(bytes)
    }
  }

  func preparation(shape: AttentionShape) -> [StageWork] {
    let bytes = TensorBytes(shape)
    let prepared = preparedBytes(bytes)
    // Every row can be converted by itself.
    let units = shape.batch * shape.keyValueHeads * shape.keyLength
    switch self {
    case .float32:
      return []
    case .bfloat16:
      return [
        StageWork(
          name: "convert keys and values",
          operations: OperationCounts([.elementwise: (bytes.key + bytes.value) / 4]),
          bytesRead: bytes.key + bytes.value, bytesWritten: prepared.key + prepared.value,
          narrowBytes: prepared.narrow, convertsTo: .bfloat16, parallelUnits: units)
      ]
    case .int8(let rule):
      let smoothing = rule.smoothsKeys ? 2 * bytes.key / 4 : 0
      // One multiplication and one rounding per element, and the mean where keys are smoothed.
      var operations = 2 * (bytes.key + bytes.query) / 4 + smoothing
      var stage = StageWork(
        name: "quantise keys", operations: OperationCounts(), bytesRead: bytes.key,
        bytesWritten: prepared.key, narrowBytes: prepared.key, parallelUnits: units)
      var stages: [StageWork] = []
      switch rule.valuePrecision {
      case .float32: break
      case .int8:
        stage.name = "quantise keys and values"
        operations += 2 * bytes.value / 4
        stage.bytesRead += bytes.value
        stage.bytesWritten += prepared.value
        stage.narrowBytes += prepared.value
      case .bfloat16:
        stages.append(
          StageWork(
            name: "convert values",
            operations: OperationCounts([.elementwise: bytes.value / 4]), bytesRead: bytes.value,
            bytesWritten: prepared.value, narrowBytes: prepared.value, convertsTo: .bfloat16,
            parallelUnits: units))
      }
      stage.operations = OperationCounts([.elementwise: operations])
      return [stage] + stages
    case .quantised(let plan):
      return plan.preparation(shape: shape)
    }
  }
}

/// How INT8 attention quantises its operands.
///
/// Source: Zhang et al., *SageAttention* (2024), arXiv:2410.02367.
public struct QuantizationRule: Hashable, Sendable {
  public enum ValuePrecision: String, Hashable, Sendable, Codable, ParameterChoice {
    case float32, bfloat16, int8

    var elementBytes: Int {
      switch self {
      case .float32: 4
      case .bfloat16: 2
      case .int8: 1
      }
    }

    public var shortName: String {
      switch self {
      case .float32: "f32"
      case .bfloat16: "bf16"
      case .int8: "int8"
      }
    }
  }

  /// Consecutive queries that share a scale.
  public var queryGroup: Int
  /// Consecutive keys that share a scale.
  public var keyGroup: Int
  /// Whether the mean key is subtracted first; softmax does not see it.
  public var smoothsKeys: Bool
  public var valuePrecision: ValuePrecision
  /// INT8 values: keys between two updates of the running maximum.
  ///
  /// Part of the mathematics, since weights are rounded against the maximum so far.
  public var keyBlock: Int
  /// INT8 values: weights are `round(p * weightLevels)`, 127 in the paper.
  public var weightLevels: Int
  /// INT8 values: whether the denominator sums the rounded weights.
  public var quantisedDenominator: Bool

  public init(
    queryGroup: Int, keyGroup: Int, smoothsKeys: Bool, valuePrecision: ValuePrecision,
    keyBlock: Int = 64, weightLevels: Int = 127, quantisedDenominator: Bool = false
  ) {
    self.queryGroup = queryGroup
    self.keyGroup = keyGroup
    self.smoothsKeys = smoothsKeys
    self.valuePrecision = valuePrecision
    self.keyBlock = keyBlock
    self.weightLevels = weightLevels
    self.quantisedDenominator = quantisedDenominator
  }
}
